#!/bin/bash
# Fuzzes each target (or those named) for FUZZ_SECONDS, 20 by default, from its seeds and what earlier runs have found.
# Needs a stable Rust toolchain and a C++ compiler. A crash ends it with failure; the input that crashes stays in artifacts/.
#
#   fuzz/run.sh [TARGET]...
#   fuzz/run.sh TARGET FILE      runs one input again
set -euo pipefail
cd "$(dirname "$0")"
seconds="${FUZZ_SECONDS:-20}"
triple="$(rustc -vV | sed -n 's/^host: //p')"

# The flags of `cargo fuzz --sanitizer none`, which works as well: there is hardly any unsafe code for a sanitizer to watch.
flags="--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module"
for flag in level=4 inline-8bit-counters pc-table trace-compares; do
    flags+=" -Cllvm-args=-sanitizer-coverage-$flag"
done
# With --target, build scripts and macros are left as they are.
RUSTFLAGS="$flags" cargo build --quiet --release --locked --bins --target "$triple"
built="${CARGO_TARGET_DIR:-target}/$triple/release"

if [ $# = 2 ] && [ -f "$2" ]; then
    exec "$built/$1" "$2"
fi
if [ $# = 0 ]; then
    set -- $(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | tail -n +2)
fi
for target in "$@"; do
    mkdir -p "corpus/$target" "artifacts/$target"
    log="artifacts/$target/log"
    if ! "$built/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target/" "corpus/$target" "seeds/$target" >"$log" 2>&1; then
        tail -n 60 "$log"
        exit 1
    fi
    printf '%-10s %9d executions in %d s, %d inputs that differ\n' "$target" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$seconds" "$(ls "corpus/$target" | wc -l)"
done
