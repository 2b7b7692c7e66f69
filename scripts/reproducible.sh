#!/usr/bin/env bash
# Builds every function twice, in two folders and from nothing, and compares the artifacts byte by byte:
# `reproducible.sh arm64` or `reproducible.sh x86_64`. Prints their SHA-256, for whoever builds the same commit elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."

architecture="${1:-arm64}"
scripts/sam-cli.sh
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
# Of different lengths and depths: a path that gets into a file may also move what comes after it.
first="$folder/one" second="$folder/another/and-a-longer-one"

# Both before the first build, which takes minutes: somebody may be editing.
mkdir -p "$first" "${second%/*}"
git ls-files -z | tar --null --files-from - --create | tar --extract --directory "$first"
ln -s "$PWD/.local" "$first/.local"
cp -R -P "$first" "$second"

for copy in "$first" "$second"; do
  echo "==> Building in $copy"
  # A cache of compiled crates would answer the second build with the bytes of the first.
  RUSTC_WRAPPER='' "$copy/scripts/build.sh" "$architecture" >"$copy.log" 2>&1 || {
    cat "$copy.log" >&2
    exit 1
  }
done

# The function's name, and the SHA-256 of its binary.
artifacts() { (cd "$1/.aws-sam/build" && for file in */bootstrap; do sha256sum "$file"; done); }

artifacts "$first"
diff <(artifacts "$first") <(artifacts "$second") || {
  echo "Not reproducible: these differ" >&2
  exit 1
}
echo "The same in both folders: $(artifacts "$first" | wc -l) artifacts for $architecture, $(rustc --version)"
