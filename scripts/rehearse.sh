#!/usr/bin/env bash
# Deploys a release, built for this machine's processor, to an AWS emulator: `make rehearse`.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/sam-cli.sh
# Even after a failure, no installation may still be running in the background at the next attempt.
trap wait EXIT
# In parallel with the build, because it waits for the network.
scripts/venv.sh venv-rehearsal tools/ministack/requirements.txt "ministack, an emulator of AWS" &
installing=$!
# `make build` leaves the artifacts of one architecture, and this machine can only run its own.
case "$(uname -m)" in
  aarch64) architecture=arm64 ;;
  *) architecture=x86_64 ;;
esac
echo "==> Building a release for $architecture"
scripts/release.sh "$architecture"
version="$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)"
# Built as for the tests, so that nothing is built twice.
cargo build --locked --workspace --all-targets
echo "==> Testing each artifact"
cargo test --locked --quiet --workspace --test artifacts -- --ignored
wait "$installing"
echo "==> Rehearsing"
export PATH="$PWD/.local/venv/bin:$PATH" PYTHONPYCACHEPREFIX="$PWD/.local/pycache"
python tests/rehearsal/rehearse.py "dist/juncture-$version-$architecture.tar.gz" target/debug
