#!/usr/bin/env bash
# Every test: units, the parts of the development stack, and the whole of it end to end; then end to end once
# more with PgBouncer and TLS between the functions and Postgres, as a pooled Neon database is reached.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "==> Building"
cargo build --locked --workspace --all-targets
echo "==> Testing"
cargo test --locked --workspace --no-fail-fast
echo "==> Testing through PgBouncer, over TLS"
JUNCTURE_TEST_POOLED=1 cargo test --locked --package juncture-tests --test e2e
