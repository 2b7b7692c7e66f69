#!/usr/bin/env bash
# Installs a program of crates.io below .local/bin: `cargo-tool.sh <crate> <version>`. Says nothing when that version
# is there.
set -euo pipefail
cd "$(dirname "$0")/.."

crate="$1" version="$2"

# The list that cargo keeps of what it has installed there.
[ -x ".local/bin/$crate" ] && grep -qs "^\"$crate $version " .local/.crates.toml && exit
echo "Installing $crate $version (takes a few minutes, once)"
# Unoptimised and without debug information: these are compiled in a third of the time and are done with this workspace
# in seconds all the same.
CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet --locked --debug --root .local --target-dir .local/build "$crate@$version"
rm -rf .local/build
