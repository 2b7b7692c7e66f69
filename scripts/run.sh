#!/usr/bin/env bash
# Builds everything and starts the development stack.
set -euo pipefail
cd "$(dirname "$0")/.."

# The whole workspace, also what is not run here: cargo then chooses the same features of dependencies as for the
# tests, and builds them once.
cargo build --workspace
# `exec`, twice (cargo does the same): signals reach the runner itself.
exec cargo run --quiet --bin juncture-local -- run
