# shellcheck shell=bash
# To be sourced at the top of the repository: how what is handed on is built.

# cargo-lambda and zig, which links for the C library of Lambda's operating system.
export PATH="$PWD/.local/venv/bin:$PATH" SAM_CLI_TELEMETRY=0

# The same sources give the same bytes wherever they are built, and tell nothing of the machine: panics name files,
# and these names begin in folders that are not the same everywhere. Cargo joins these flags with those of
# cargo-lambda, which the variables that are unset here would replace.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
case "$PWD${CARGO_HOME:-$HOME}" in
  *' '*)
    echo "Cargo splits its flags at spaces: move $PWD, or cargo's folder, to a path without one" >&2
    exit 1
    ;;
esac
CARGO_BUILD_RUSTFLAGS="--remap-path-prefix=$PWD=/juncture --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
CARGO_BUILD_RUSTFLAGS+=" --remap-path-prefix=$(rustc --print sysroot)=/rust"
export CARGO_BUILD_RUSTFLAGS
