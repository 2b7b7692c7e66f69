#!/usr/bin/env bash
# Smoke-tests a deployment: `smoke.sh <stage> <api> <origin> <release>`, where each argument may be empty. For a
# stage, the URL, key and origin come from AWS; for any other deployment, the key is read from JUNCTURE_SECRET_KEY.
set -euo pipefail
cd "$(dirname "$0")/.."

stage="${1:-}" api="${2:-}" origin="${3:-}" release="${4:-}"
# The operator's program; a release contains a binary.
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
