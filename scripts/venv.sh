#!/usr/bin/env bash
# Installs Python tools into .local/<venv>, in the versions of a requirements file: `venv.sh <venv> <requirements>
# <display name>`. Prints nothing if they are installed.
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
# Python compiles modules on import; most of the others are never used.
"$venv/bin/pip" install --quiet --no-compile --disable-pip-version-check --requirement "$requirements"
touch "$venv/installed"
