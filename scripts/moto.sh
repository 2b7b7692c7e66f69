#!/usr/bin/env bash
# Installs moto, which stands in for AWS Secrets Manager in the end-to-end tests, in the versions of
# tests/aws/requirements.txt. Says nothing when it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.local/venv-moto
requirements=tests/aws/requirements.txt

[ "$venv/installed" -nt "$requirements" ] && exit
python3 -c 'import ensurepip' 2>/dev/null || {
  echo "Python's venv is missing. Run: make setup-test" >&2
  exit 1
}
echo "Installing moto"
mkdir -p .local
python3 -m venv --clear "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
touch "$venv/installed"
