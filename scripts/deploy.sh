#!/usr/bin/env bash
# Builds, validates and deploys one stage: `deploy.sh staging`. The stage's values are in samconfig.toml; the
# credentials and the region are AWS's usual ones (AWS_PROFILE, AWS_REGION, …).
set -euo pipefail
cd "$(dirname "$0")/.."

stage="${1:-}"
stages="$(sed -n 's/^\[\(.*\)\.deploy\.parameters\]$/\1/p' samconfig.toml | tr '\n' ' ')"
case " $stages" in
  *" $stage "*) ;;
  *)
    echo "Say which stage: make deploy STAGE=…, one of: $stages(samconfig.toml)" >&2
    exit 1
    ;;
esac

scripts/sam-cli.sh
export PATH="$PWD/.local/venv/bin:$PATH" SAM_CLI_TELEMETRY=0

echo "==> Validating template.yaml"
sam validate --lint --template template.yaml
echo "==> Building for arm64"
scripts/build.sh arm64
echo "==> Deploying $stage: migrations first, then the functions; CloudFormation undoes what fails"
sam deploy --config-env "$stage"
