#!/usr/bin/env bash
# Installs the SAM CLI, its linter, cargo-lambda and zig into .local/, in the versions that tools/sam/ pins. Prints
# nothing if they are installed.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/venv.sh venv tools/sam/requirements.txt "the SAM CLI, cargo-lambda and zig (takes a few minutes, once)"
