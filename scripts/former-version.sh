#!/usr/bin/env bash
# Builds functions of the former version beside the present ones, as target/debug/former-<function>, for the test that
# both versions work with what the other one stored. Exits with 3 if that version is not in the repository's history, as
# in a shallow clone or an archive.
set -euo pipefail
cd "$(dirname "$0")/.."

# The last version that sealed and stored everything as it was before the changes under test.
former=7d8fe0a9c7f0b5a8f9f800306ed6a93e006a3461
functions=(
  connect-token initiate-oauth-flow authorization-callback create-connection check-connection-validity
  get-access-token get-connection-credentials list-connections select-project get-projects create-ticket
  get-tickets-for-project delete-connection
)

if ! git cat-file -e "$former^{commit}" 2>/dev/null; then
  echo "The former version, $former, is not in the history of this clone: git fetch --unshallow" >&2
  exit 3
fi
sources=".local/former/$former"
if [ ! -d "$sources" ]; then
  mkdir -p "$sources.unfinished"
  git archive "$former" | tar --extract --directory "$sources.unfinished"
  # Other names, because both are built into the same folder, for the sake of the dependencies that they share.
  sed -i.original 's/^name = "\([a-z-]*\)"$/name = "former-\1"/; s/^name = "former-juncture-functions"$/name = "juncture-functions"/' \
    "$sources.unfinished/functions/Cargo.toml"
  mv "$sources.unfinished" "$sources"
fi
target="$PWD/target"
cd "$sources"
cargo build --quiet --locked --workspace --target-dir "$target" "${functions[@]/#/--bin=former-}"
