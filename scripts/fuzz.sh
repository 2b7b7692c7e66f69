#!/usr/bin/env bash
# Fuzzes each parser of input from outside with libFuzzer: `SECONDS_EACH=60 PARSER=query scripts/fuzz.sh`. Inputs
# that violate a property are saved in fuzz/artifacts/. Inputs that extend the coverage are saved in
# fuzz/corpus-grown/, where the next run continues. Prints the table in docs/audits/fuzzing.md.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_FUZZ_VERSION=0.13.2
seconds="${SECONDS_EACH:-60}"
# Maximum input length. Longer inputs find the same bugs, only more slowly.
LONGEST=2048

rustup run nightly rustc --version >/dev/null 2>&1 || {
  echo "Nightly Rust is missing. Run: rustup toolchain install nightly --profile minimal" >&2
  exit 1
}
scripts/fetch-adf-schema.sh
scripts/cargo-tool.sh cargo-fuzz "$CARGO_FUZZ_VERSION"
export PATH="$PWD/.local/bin:$PATH"

# Built with the dependency versions that are deployed. Without the address sanitizer, because the workspace has no
# unsafe code and twice as many inputs can be tried in the same time.
cp Cargo.lock fuzz/Cargo.lock
parsers="${PARSER:-$(ls fuzz/corpus)}"
for parser in $parsers; do
  cargo +nightly fuzz build --sanitizer none --fuzz-dir fuzz "$parser"
done

failed=0
echo "| parser | seconds | inputs tried | corpus | failures |"
echo "| --- | --- | --- | --- | --- |"
for parser in $parsers; do
  fuzzer="$(find fuzz/target/*/release -maxdepth 1 -name "$parser" -type f | head -1)"
  seeds="fuzz/corpus/$parser" grown="fuzz/corpus-grown/$parser" found="fuzz/artifacts/$parser" log="fuzz/artifacts/$parser.log"
  rm -rf "$grown.merged"
  mkdir -p "$grown" "$grown.merged" "$found"
  "$fuzzer" -max_total_time="$seconds" -max_len="$LONGEST" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$found/" "$grown" "$seeds" >"$log" 2>&1 || true
  tried="$(grep -o 'stat::number_of_executed_units: *[0-9]*' "$log" | grep -o '[0-9]*$' || echo 0)"
  # Minimises the corpus: the fewest and smallest inputs with the same coverage.
  if "$fuzzer" -merge=1 -max_len="$LONGEST" "$grown.merged" "$seeds" "$grown" >>"$log" 2>&1; then
    rm -rf "$grown"
    mv "$grown.merged" "$grown"
  fi
  rm -rf "$grown.merged"
  broken="$(find "$found" -type f -name '*-*' | wc -l | tr -d ' ')"
  [ "$broken" -eq 0 ] || failed=1
  echo "| $parser | $seconds | $tried | $(find "$grown" -type f | wc -l | tr -d ' ') | $broken |"
done
[ "$failed" -eq 0 ] || echo "Inputs that violate a property are in fuzz/artifacts/: pass one to the parser's program beside $fuzzer." >&2
exit "$failed"
