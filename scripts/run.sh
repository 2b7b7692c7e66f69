#!/usr/bin/env bash
# Builds everything and starts the development stack.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --workspace
# `exec`, twice (cargo does the same): signals reach the runner itself.
exec cargo run --quiet --bin juncture-local -- run
