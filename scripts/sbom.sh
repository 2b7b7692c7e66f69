#!/usr/bin/env bash
# Writes the software bill of materials of a release, dist/juncture-<version>-<processor>.cdx.json, with every crate
# that is compiled into the functions, in CycloneDX format: `sbom.sh arm64` or `sbom.sh x86_64`, like build.sh. The
# same commit gives the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."

architecture="${1:-arm64}"
case "$architecture" in
  arm64) target=aarch64-unknown-linux-gnu ;;
  x86_64) target=x86_64-unknown-linux-gnu ;;
  *)
    echo "ARCH must be arm64 or x86_64, is $architecture" >&2
    exit 1
    ;;
esac

scripts/cargo-tool.sh cargo-cyclonedx 0.5.9
scripts/venv.sh venv-sbom tools/sbom/requirements.txt "the validator for the bill of materials"

# cargo-cyclonedx writes its output next to the manifests, so it runs on a copy.
copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
git ls-files -z '*.rs' '*Cargo.toml' Cargo.lock | tar --null --files-from - --create | tar --extract --directory "$copy"
SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)"
export SOURCE_DATE_EPOCH
# Without dependencies that only build scripts use, because they are not in the artifacts.
.local/bin/cargo-cyclonedx cyclonedx --quiet --manifest-path "$copy/Cargo.toml" --format json --spec-version 1.5 \
  --all --no-build-deps --target "$target"
.local/venv-sbom/bin/python scripts/sbom.py "$copy" "$architecture"
