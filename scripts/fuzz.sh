#!/usr/bin/env bash
# Has libFuzzer try each parser of outside input: `SECONDS_EACH=60 PARSER=query scripts/fuzz.sh`. What breaks a promise
# is left in fuzz/artifacts/; of what reached new code, the smallest goes to fuzz/corpus/. Prints the table of
# docs/fuzzing.md.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_FUZZ_VERSION=0.13.2
seconds="${SECONDS_EACH:-60}"
# The longest input: longer ones find the same, more slowly.
LONGEST=2048

rustup run nightly rustc --version >/dev/null 2>&1 || {
  echo "Nightly Rust is missing. Run: rustup toolchain install nightly --profile minimal" >&2
  exit 1
}
scripts/fetch-adf-schema.sh
scripts/cargo-tool.sh cargo-fuzz "$CARGO_FUZZ_VERSION"
export PATH="$PWD/.local/bin:$PATH"

# What is tried is built with the versions of what is deployed. Without the address sanitizer: the workspace has no
# unsafe code, and twice as many inputs are tried in the same time.
cp Cargo.lock fuzz/Cargo.lock
cargo +nightly fuzz build --sanitizer none --fuzz-dir fuzz parser
fuzzer="$(find fuzz/target/*/release -maxdepth 1 -name parser -type f | head -1)"

parsers="${PARSER:-$(ls fuzz/corpus)}"
failed=0
echo "| parser | seconds | inputs tried | corpus | broken promises |"
echo "| --- | --- | --- | --- | --- |"
for parser in $parsers; do
  export PARSER="$parser"
  corpus="fuzz/corpus/$parser" found="fuzz/artifacts/$parser" log="fuzz/artifacts/$parser.log"
  rm -rf "$found.work" "$found.kept"
  mkdir -p "$corpus" "$found" "$found.work" "$found.kept"
  "$fuzzer" -max_total_time="$seconds" -max_len="$LONGEST" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$found/" "$found.work" "$corpus" >"$log" 2>&1 || true
  tried="$(grep -o 'stat::number_of_executed_units: *[0-9]*' "$log" | grep -o '[0-9]*$' || echo 0)"
  # Beside those written by hand (seed-*), the smallest inputs that reach as much: up to 64, of less than 1 KiB.
  "$fuzzer" -merge=1 -max_len=$LONGEST "$found.kept" "$corpus" "$found.work" >>"$log" 2>&1 || true
  find "$corpus" -type f ! -name 'seed-*' -delete
  for input in $(find "$found.kept" -type f -size -3 | LC_ALL=C sort | head -64); do
    cp -n "$input" "$corpus/"
  done
  broken="$(find "$found" -type f -name '*-*' | wc -l | tr -d ' ')"
  [ "$broken" -eq 0 ] || failed=1
  echo "| $parser | $seconds | $tried | $(find "$corpus" -type f | wc -l | tr -d ' ') | $broken |"
  rm -rf "$found.work" "$found.kept"
done
[ "$failed" -eq 0 ] || echo "Inputs that break a promise are in fuzz/artifacts/: PARSER=<name> $fuzzer <file> shows one." >&2
exit "$failed"
