#!/usr/bin/env bash
# Every check that needs no running stack, the quick ones first. Stops at the first that fails and shows what
# it said.
set -euo pipefail
cd "$(dirname "$0")/.."

export PATH="$PATH:$PWD/.local/bin:$PWD/.local/venv/bin"

log="$(mktemp)"
trap 'rm -f "$log"' EXIT

# step <name> <command>…
step() {
  local name="$1" started=$SECONDS
  shift
  printf '%-36s' "$name"
  if ! "$@" >"$log" 2>&1; then
    printf 'FAILED after %d s\n\n' "$((SECONDS - started))"
    cat "$log"
    printf '\nmake check stopped at: %s\n  %s\n' "$name" "$*" >&2
    exit 1
  fi
  printf 'ok %4d s\n' "$((SECONDS - started))"
}

scripts/check-tools.sh

step "Rust: format" cargo fmt --all --check
step "scripts: shellcheck" shellcheck scripts/*.sh .ci/run
step "openapi.yaml: lint" \
  env REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true npm run --silent --prefix tests/openapi lint
# Neither credentials nor the network are needed, but a region is.
step "template.yaml: sam validate --lint" \
  env AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 sam validate --lint --template template.yaml
step "dependencies: cargo deny" cargo deny --locked check bans licenses sources
step "Rust: clippy" cargo clippy --locked --workspace --all-targets -- -D warnings
step "template, contract, functions" cargo test --locked --quiet --package juncture-tests --test consistency
step "Rust: documentation" \
  env RUSTDOCFLAGS=-Dwarnings cargo doc --locked --workspace --no-deps --document-private-items
