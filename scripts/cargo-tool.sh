#!/usr/bin/env bash
# Installs a program from crates.io into .local/bin: `cargo-tool.sh <crate> <version>`. Prints nothing if that
# version is already installed.
set -euo pipefail
cd "$(dirname "$0")/.."

crate="$1" version="$2"

# Cargo's own list of what it has installed there.
[ -x ".local/bin/$crate" ] && grep -qs "^\"$crate $version " .local/.crates.toml && exit
echo "Installing $crate $version (takes a few minutes, once)"
# Unoptimised and without debug information: they compile in a third of the time, and still run for seconds only.
CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet --locked --debug --root .local --target-dir .local/build "$crate@$version"
rm -rf .local/build
