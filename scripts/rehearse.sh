#!/usr/bin/env bash
# Deploys what is built, for this machine's processor, to an emulator of AWS: `make rehearse`.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/sam-cli.sh
# Whatever fails: nothing goes on installing behind the next try.
trap wait EXIT
# Beside the build: it waits for the network.
scripts/venv.sh venv-rehearsal tools/ministack/requirements.txt "ministack, an emulator of AWS" &
installing=$!
# `make build` leaves the artifacts of one processor, and this machine can run its own alone.
case "$(uname -m)" in
  aarch64) architecture=arm64 ;;
  *) architecture=x86_64 ;;
esac
echo "==> Building a release for $architecture"
scripts/release.sh "$architecture"
version="$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)"
# As for the tests, so that nothing is built twice.
cargo build --locked --workspace --all-targets
wait "$installing"
echo "==> Rehearsing"
export PATH="$PWD/.local/venv/bin:$PATH" PYTHONPYCACHEPREFIX="$PWD/.local/pycache"
python tests/rehearsal/rehearse.py "dist/juncture-$version-$architecture.tar.gz" target/debug
