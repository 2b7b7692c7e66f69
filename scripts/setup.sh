#!/usr/bin/env bash
# Installs whatever is missing: `setup.sh run` for `make run`, `setup.sh test` for `make test`. Prints nothing if
# everything is installed.
set -euo pipefail

has() { command -v "$1" >/dev/null 2>&1; }

# Debian and Homebrew keep PostgreSQL's programs outside PATH.
has_postgres() {
  has initdb && return
  local program
  for program in /usr/lib/postgresql/*/bin/initdb \
    /opt/homebrew/opt/postgresql*/bin/initdb /usr/local/opt/postgresql*/bin/initdb; do
    [ -x "$program" ] && return
  done
  return 1
}

has_pgbouncer() { has pgbouncer || [ -x /usr/sbin/pgbouncer ]; }

has_browser() {
  has chromium || has chromium-browser || has google-chrome ||
    [ -d "/Applications/Chromium.app" ] || [ -d "/Applications/Google Chrome.app" ]
}

# Prints a line per missing package: its names in Debian and Homebrew.
missing() {
  # Some dependencies contain C code.
  has cc || echo "gcc gcc"
  has_postgres || echo "postgresql postgresql@17"
  has redis-server || echo "redis-server redis"
  if [ "$1" = test ]; then
    has_pgbouncer || echo "pgbouncer pgbouncer"
    has_browser || echo "chromium chromium"
    has chromedriver || echo "chromium-driver chromedriver"
    has node || echo "nodejs node"
    has npm || echo "npm node"
    python3 -c 'import ensurepip' 2>/dev/null || echo "python3-venv python"
  fi
}

fail() {
  echo "$1" >&2
  exit 1
}

with_apt() {
  local packages=("$@") prefix=()
  local command="apt-get install --yes --no-install-recommends ${packages[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    has sudo || fail "Missing: ${packages[*]}. Run as root: $command"
    prefix=(sudo)
  fi
  echo "Installing ${packages[*]}"
  # Keeps Debian from starting its own PostgreSQL and Redis; the development stack starts private ones.
  # shellcheck disable=SC2016 # the inner shell expands
  ${prefix[@]+"${prefix[@]}"} sh -c '
    set -eu
    export DEBIAN_FRONTEND=noninteractive
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap "rm -f $policy" EXIT
      printf "#!/bin/sh\nexit 101\n" > "$policy"
      chmod +x "$policy"
    fi
    apt-get update --quiet --quiet
    apt-get install --yes --no-install-recommends --quiet --quiet "$@" > /dev/null
  ' sh "${packages[@]}" || fail "The installation failed. Run as root: $command"
}

with_brew() {
  echo "Installing $*"
  brew install --quiet "$@" || fail "The installation failed. Run: brew install $*"
}

# Packages from npm, each in a folder with a lock file. Skips a folder whose lock file has not changed.
with_npm() {
  local folder
  for folder in tools/*/package-lock.json; do
    folder="$(dirname "$folder")"
    [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ] && continue
    echo "Installing the packages of $folder"
    npm ci --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts ||
      fail "The installation failed. Run: npm ci --prefix $folder"
    touch "$folder/node_modules/.package-lock.json"
  done
}

main() {
  local what="${1:-run}" debian=() homebrew=() one other
  has cargo || fail "Rust is missing: install it from https://rustup.rs and run make again."
  while read -r one other; do
    [ -n "$one" ] || continue
    debian+=("$one")
    homebrew+=("$other")
  done <<EOF
$(missing "$what")
EOF
  if [ "${#debian[@]}" -gt 0 ]; then
    if has apt-get; then
      with_apt "${debian[@]}"
    elif has brew; then
      with_brew "${homebrew[@]}"
    else
      fail "Missing: ${debian[*]} (Debian's package names). Install them and run make again."
    fi
  fi
  [ -z "$(missing "$what")" ] || fail "Still missing after the installation: $(missing "$what" | cut -d ' ' -f 1 | tr '\n' ' ')"
  if [ "$what" = test ]; then
    # Even after a failure, no installation may still be running in the background at the next attempt.
    trap wait EXIT
    # In parallel: each waits for the network most of the time.
    local installing=()
    with_npm &
    installing+=($!)
    # schemathesis checks the running stack against openapi.yaml; moto stands in for AWS Secrets Manager.
    scripts/venv.sh venv-schemathesis tools/schemathesis/requirements.txt schemathesis &
    installing+=($!)
    scripts/venv.sh venv-moto tools/moto/requirements.txt moto &
    installing+=($!)
    for one in "${installing[@]}"; do
      wait "$one" || fail "The installation failed."
    done
    scripts/fetch-adf-schema.sh
  fi
}

cd "$(dirname "$0")/.."
main "$@"
