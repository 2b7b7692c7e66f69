#!/usr/bin/env bash
# Asks a deployment how it is: `smoke.sh <stage> <api> <origin> <release>`, each of which may be empty. Of a stage, the
# address, the key and the origin come from AWS; of any other deployment the key is in JUNCTURE_SECRET_KEY.
set -euo pipefail
cd "$(dirname "$0")/.."

stage="${1:-}" api="${2:-}" origin="${3:-}" release="${4:-}"
# The operator's program: a release has it built.
if [ -n "$release" ]; then
  folder="$(mktemp -d)"
  trap 'rm -rf "$folder"' EXIT
  tar --extract --file "$release" --directory "$folder" --strip-components 1 --wildcards '*/juncture-admin'
  admin=("$folder/juncture-admin")
else
  admin=(cargo run --quiet --bin juncture-admin --)
fi
if [ -z "$api" ] && [ -n "$stage" ]; then
  scripts/sam-cli.sh
  .local/venv/bin/python scripts/deploy.py "$stage" --smoke "${admin[@]}"
else
  "${admin[@]}" smoke --api "$api" --origin "$origin"
fi
