#!/usr/bin/env bash
# Builds every function for Lambda into .aws-sam/build: `build.sh arm64` (deployed by default) or `build.sh x86_64`.
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
# shellcheck source=scripts/build-flags.sh
. scripts/build-flags.sh

# All in one cargo run, which keeps every core busy. After that, sam, which builds one function at a time, does
# little more than copy.
cargo lambda build --release --locked ${flags[@]+"${flags[@]}"} --package juncture-functions
sam build --template template.yaml --parameter-overrides "Architecture=$architecture"
