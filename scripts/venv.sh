#!/usr/bin/env bash
# Installs tools written in Python into .local/<venv>, in the versions of a requirements file:
# `venv.sh <venv> <requirements> <what they are called>`. Says nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=".local/$1" requirements="$2"

[ "$venv/installed" -nt "$requirements" ] && exit
python3 -c 'import ensurepip' 2>/dev/null || {
  echo "Python's venv is missing (Debian's package python3-venv). Install it and run make again." >&2
  exit 1
}
echo "Installing $3"
mkdir -p .local
python3 -m venv --clear "$venv"
# Python compiles what it imports; the rest, most of it, is never used.
"$venv/bin/pip" install --quiet --no-compile --disable-pip-version-check --requirement "$requirements"
touch "$venv/installed"
