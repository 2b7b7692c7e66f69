#!/usr/bin/env bash
# Builds every function twice from scratch, in two folders, and compares the artifacts byte by byte:
# `reproducible.sh arm64` or `reproducible.sh x86_64`. Prints their SHA-256, to compare with builds of the same
# commit on other machines.
set -euo pipefail
cd "$(dirname "$0")/.."

architecture="${1:-arm64}"
scripts/sam-cli.sh
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
# Paths of different lengths and depths: a path that ends up in a file may also shift what follows it.
first="$folder/one" second="$folder/another/and-a-longer-one"

# Both copies are made before the first build, which takes minutes, in case somebody edits the sources meanwhile.
mkdir -p "$first" "${second%/*}"
git ls-files -z | tar --null --files-from - --create | tar --extract --directory "$first"
ln -s "$PWD/.local" "$first/.local"
cp -R -P "$first" "$second"

for copy in "$first" "$second"; do
  echo "==> Building in $copy"
  # A compiler cache would return the bytes of the first build for the second.
  RUSTC_WRAPPER='' "$copy/scripts/build.sh" "$architecture" >"$copy.log" 2>&1 || {
    cat "$copy.log" >&2
    exit 1
  }
done

# Each function's name and the SHA-256 of its binary.
artifacts() { (cd "$1/.aws-sam/build" && for file in */bootstrap; do sha256sum "$file"; done); }

artifacts "$first"
diff <(artifacts "$first") <(artifacts "$second") || {
  echo "Not reproducible: these differ" >&2
  exit 1
}
echo "The same in both folders: $(artifacts "$first" | wc -l) artifacts for $architecture, $(rustc --version)"
