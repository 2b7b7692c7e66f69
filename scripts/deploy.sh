#!/usr/bin/env bash
# Deploys one stage: `deploy.sh staging` builds, validates and deploys the checkout; `deploy.sh staging <archive>`
# deploys an archive of `make release`. The stage's values are in samconfig.toml; the credentials are AWS's usual
# ones (AWS_PROFILE, AWS_ACCESS_KEY_ID, …).
set -euo pipefail
cd "$(dirname "$0")/.."

stage="${1:-}" release="${2:-}"
scripts/sam-cli.sh
export PATH="$PWD/.local/venv/bin:$PATH" SAM_CLI_TELEMETRY=0
architecture="$(python scripts/deploy.py "$stage" --architecture)"

if [ -n "$release" ]; then
  folder="$(mktemp -d)"
  trap 'rm -rf "$folder"' EXIT
  tar --extract --file "$release" --directory "$folder" --strip-components 1
  cp samconfig.toml "$folder"
  admin=("$folder/juncture-admin")
else
  folder="$PWD"
  admin=(cargo run --quiet --bin juncture-admin --)
fi

echo "==> Checking the secret"
"${admin[@]}" check --stage "$stage"
if [ -z "$release" ]; then
  echo "==> Validating template.yaml"
  # A region must be set, although it is not contacted.
  AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-us-east-1}" sam validate --lint --template template.yaml
  echo "==> Building for $architecture"
  scripts/build.sh "$architecture"
fi
echo "==> Deploying $stage: migrations first, then the functions"
script="$PWD/scripts/deploy.py"
(cd "$folder" && python "$script" "$stage")
