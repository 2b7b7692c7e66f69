#!/bin/sh
# Fetches Atlassian's ADF schema for the tests of the crate `adf`.
#
# Extracts only the schema: the package's own dependencies are a hundred times its size, and no test needs them.
set -eu

package=@atlaskit/adf-schema
version=57.7.22
file=dist/json-schema/v1/full.json
sha256=5128562b75278c8a83e7e3619a570205bc80d59696985ec31a7a7883cff66fbe

target="$(dirname "$0")/../tools/adf-schema/node_modules/$package"
if echo "$sha256  $target/$file" | sha256sum --check --status 2>/dev/null; then
    exit 0
fi

download=$(mktemp -d)
trap 'rm -rf "$download"' EXIT
archive=$(cd "$download" && npm pack --silent "$package@$version")
tar -xzf "$download/$archive" -C "$download" "package/$file"
echo "$sha256  $download/package/$file" | sha256sum --check --status || {
    echo "the checksum of the schema in $package@$version does not match" >&2
    exit 1
}
mkdir -p "$target/$(dirname "$file")"
mv "$download/package/$file" "$target/$file"
