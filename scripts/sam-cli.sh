#!/usr/bin/env bash
# Installs the SAM CLI, its linter, cargo-lambda and zig below .local/, in the versions that tools/sam/ pins.
# Says nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/venv.sh venv tools/sam/requirements.txt "the SAM CLI, cargo-lambda and zig (takes a few minutes, once)"
