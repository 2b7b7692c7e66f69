#!/usr/bin/env bash
# Installs cargo-deny into .local/bin. Prints nothing if it is installed.
set -euo pipefail

exec "$(dirname "$0")/cargo-tool.sh" cargo-deny 0.20.2
