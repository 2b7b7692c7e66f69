#!/usr/bin/env bash
# Runs all tests: unit tests, parts of the development stack, and the whole stack end to end in the way that Juncture is
# deployed: with PgBouncer and TLS between the functions and Postgres, as with a pooled Neon database, and with all
# settings in Secrets Manager (moto), read through the AWS SDK.
set -euo pipefail
cd "$(dirname "$0")/.."

# The tests mostly wait, for deadlines, locks and retries, so they run with more threads than cores.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$((3 * $(getconf _NPROCESSORS_ONLN)))}"

echo "==> Building"
cargo build --locked --workspace --all-targets
echo "==> Building the former version's functions"
status=0
scripts/former-version.sh || status=$?
case "$status" in
  0) export JUNCTURE_TEST_FORMER=1 ;;
  3) echo "The test of both versions side by side is left out" >&2 ;;
  *) exit "$status" ;;
esac
echo "==> Testing"
JUNCTURE_TEST_POOLED=1 JUNCTURE_TEST_SECRETS=moto cargo test --locked --workspace --no-fail-fast
