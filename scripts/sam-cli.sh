#!/usr/bin/env bash
# Installs the SAM CLI, its linter, cargo-lambda and zig below .local/, in the versions of sam-requirements.txt. Says
# nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.local/venv
requirements=scripts/sam-requirements.txt

[ "$venv/installed" -nt "$requirements" ] && exit
python3 -c 'import ensurepip' 2>/dev/null || {
  echo "Python's venv is missing (Debian's package python3-venv). Install it and run make again." >&2
  exit 1
}
echo "Installing the SAM CLI, cargo-lambda and zig (takes a few minutes, once)"
mkdir -p .local
python3 -m venv --clear "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
touch "$venv/installed"
