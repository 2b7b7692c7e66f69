#!/usr/bin/env bash
# Packs what is deployed, so that somebody without Rust deploys with the SAM CLI alone: `release.sh arm64` or
# `release.sh x86_64`. Writes dist/juncture-<version>-<processor>.tar.gz and its SHA-256.
set -euo pipefail
cd "$(dirname "$0")/.."

architecture="${1:-arm64}"
scripts/build.sh "$architecture"
# shellcheck source=scripts/build-flags.sh
. scripts/build-flags.sh

# The operator's program is for Linux on the processor of this machine: it runs where the archive is deployed from.
case "$(uname -m)" in
  aarch64) flags=(--arm64) ;;
  *) flags=() ;;
esac
cargo lambda build --release --locked ${flags[@]+"${flags[@]}"} --package juncture-admin

version="$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)"
name="juncture-$version"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/$name/.aws-sam" dist
cp -R .aws-sam/build "$folder/$name/.aws-sam/build"
cp samconfig.toml .env.example LICENSE CHANGELOG.md deploy/deployer-policy.json "$folder/$name/"
cp deploy/README.md "$folder/$name/README.md"
install -m 755 target/lambda/juncture-admin/bootstrap "$folder/$name/juncture-admin"

# The same artifacts give the same archive: in order, without owners and times.
archive="dist/$name-$architecture.tar.gz"
(cd "$folder" && find "$name" -print0 | LC_ALL=C sort -z |
  tar --create --null --no-recursion --files-from - --owner=0 --group=0 --numeric-owner \
    --mtime='2000-01-01 00:00:00 UTC' --format=ustar) | gzip --no-name --fast >"$archive"
(cd dist && sha256sum "${archive#dist/}" >"${archive#dist/}.sha256")
echo "$archive, $(du -h "$archive" | cut -f 1), SHA-256 $(cut -d ' ' -f 1 "$archive.sha256")"
