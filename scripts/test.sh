#!/usr/bin/env bash
# Every test: units, the parts of the development stack, and the whole of it end to end; then end to end once
# more as it is deployed: PgBouncer and TLS between the functions and Postgres, as a pooled Neon database is
# reached, and every setting from Secrets Manager (moto), through the AWS SDK.
set -euo pipefail
cd "$(dirname "$0")/.."

# They wait more than they compute: for deadlines, locks and retries.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$((3 * $(getconf _NPROCESSORS_ONLN)))}"

echo "==> Building"
cargo build --locked --workspace --all-targets
echo "==> Testing"
cargo test --locked --workspace --no-fail-fast
echo "==> Testing through PgBouncer, over TLS, with the settings in Secrets Manager"
JUNCTURE_TEST_POOLED=1 JUNCTURE_TEST_SECRETS=moto cargo test --locked --workspace --test e2e
