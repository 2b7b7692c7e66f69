#!/usr/bin/env bash
# Builds everything and starts the development stack.
set -euo pipefail
cd "$(dirname "$0")/.."

# The whole workspace, including what is not needed here, so that cargo resolves the same features of dependencies
# as for the tests and builds them only once.
cargo build --workspace
# With `exec` (cargo uses it, too), so that signals reach the runner itself.
exec cargo run --quiet --bin juncture-local -- run
