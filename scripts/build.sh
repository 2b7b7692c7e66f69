#!/usr/bin/env bash
# Builds every function for Lambda into .aws-sam/build: `build.sh arm64`, which is what is deployed, or
# `build.sh x86_64`.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-arm64}" in
  arm64) architecture=arm64 target=aarch64-unknown-linux-gnu flags=(--arm64) ;;
  x86_64) architecture=x86_64 target=x86_64-unknown-linux-gnu flags=() ;;
  *)
    echo "ARCH must be arm64 or x86_64, is $1" >&2
    exit 1
    ;;
esac

if [ ! -d "$(rustc --print target-libdir --target "$target")" ]; then
  echo "Rust cannot build for $architecture yet. Run: rustup target add $target" >&2
  exit 1
fi
scripts/sam-cli.sh
# cargo-lambda and zig, which links for the C library of Lambda's operating system.
export PATH="$PWD/.local/venv/bin:$PATH" SAM_CLI_TELEMETRY=0

# The same sources give the same bytes wherever they are built, and tell nothing of the machine: panics name files,
# and these names begin in folders that are not the same everywhere. Cargo joins these flags with those of
# cargo-lambda, which the variables that are unset here would replace.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
case "$PWD${CARGO_HOME:-$HOME}" in
  *' '*)
    echo "Cargo splits its flags at spaces: move $PWD, or cargo's folder, to a path without one" >&2
    exit 1
    ;;
esac
CARGO_BUILD_RUSTFLAGS="--remap-path-prefix=$PWD=/juncture --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
CARGO_BUILD_RUSTFLAGS+=" --remap-path-prefix=$(rustc --print sysroot)=/rust"
export CARGO_BUILD_RUSTFLAGS

# All at once, so that cargo keeps every core busy. What sam does then, one function after the other, is little more
# than copying.
packages=()
for manifest in functions/*/Cargo.toml; do
  packages+=(--package "$(basename "$(dirname "$manifest")")")
done
cargo lambda build --release --locked ${flags[@]+"${flags[@]}"} "${packages[@]}"
sam build --template template.yaml --parameter-overrides "Architecture=$architecture"
