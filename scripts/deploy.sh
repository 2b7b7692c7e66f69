#!/usr/bin/env bash
# Builds, validates and deploys one stage: `deploy.sh staging`. The stage's values are in samconfig.toml; the
# credentials are AWS's usual ones (AWS_PROFILE, AWS_ACCESS_KEY_ID, …).
set -euo pipefail
cd "$(dirname "$0")/.."

stage="${1:-}"
scripts/sam-cli.sh
export PATH="$PWD/.local/venv/bin:$PATH" SAM_CLI_TELEMETRY=0
architecture="$(python scripts/deploy.py "$stage" --architecture)"

echo "==> Validating template.yaml"
# A region is needed, and none is asked.
AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-us-east-1}" sam validate --lint --template template.yaml
echo "==> Building for $architecture"
scripts/build.sh "$architecture"
echo "==> Deploying $stage: migrations first, then the functions"
python scripts/deploy.py "$stage"
