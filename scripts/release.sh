#!/usr/bin/env bash
# Packs a release, which can be deployed with only the SAM CLI and without Rust: `release.sh arm64` or `release.sh
# x86_64`. Writes dist/juncture-<version>-<processor>.tar.gz and its SHA-256.
set -euo pipefail
cd "$(dirname "$0")/.."

architecture="${1:-arm64}"
scripts/build.sh "$architecture"
# shellcheck source=scripts/build-flags.sh
. scripts/build-flags.sh

# The operator's program runs where the archive is deployed from, so it is built for Linux on this machine's processor.
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

# A reproducible archive: entries are sorted, without owners and timestamps.
archive="dist/$name-$architecture.tar.gz"
(cd "$folder" && find "$name" -print0 | LC_ALL=C sort -z |
  tar --create --null --no-recursion --files-from - --owner=0 --group=0 --numeric-owner \
    --mtime='2000-01-01 00:00:00 UTC' --format=ustar) | gzip --no-name --fast >"$archive"
(cd dist && sha256sum "${archive#dist/}" >"${archive#dist/}.sha256")
echo "$archive, $(du -h "$archive" | cut -f 1), SHA-256 $(cut -d ' ' -f 1 "$archive.sha256")"
