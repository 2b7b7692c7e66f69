# shellcheck shell=bash
# Sourced at the top of the repository by scripts that build artifacts for others.

# cargo-lambda, and zig, which links against the C library of Lambda's operating system.
export PATH="$PWD/.local/venv/bin:$PATH" SAM_CLI_TELEMETRY=0

# Reproducible builds: the same sources give the same bytes wherever they are built, and contain nothing about the
# machine. Panic messages contain source paths, whose prefixes differ between machines, so they are remapped. Cargo
# merges these flags with those of cargo-lambda, which the variables unset here would override.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
case "$PWD${CARGO_HOME:-$HOME}" in
  *' '*)
    echo "Cargo splits its flags at spaces: move $PWD or cargo's folder to a path without spaces" >&2
    exit 1
    ;;
esac
CARGO_BUILD_RUSTFLAGS="--remap-path-prefix=$PWD=/juncture --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
CARGO_BUILD_RUSTFLAGS+=" --remap-path-prefix=$(rustc --print sysroot)=/rust"
export CARGO_BUILD_RUSTFLAGS
