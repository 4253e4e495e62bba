#!/bin/sh
# repeat.sh [N]: checks N times (20 unless told) that Jaeger returns what strace -f counts, for every program of tests/jaeger.rs,
# and prints how many of the runs were right. CI=true makes a missing peer a failure rather than a run that is right.
set -u

cd "$(dirname "$0")/../.."
runs=${1:-20}
cargo test --quiet --test jaeger --no-run || exit
right=0
for run in $(seq "$runs"); do
    if CI=true cargo test --quiet --test jaeger counts_ >"${TMPDIR:-/tmp}/repeat.$$" 2>&1; then
        right=$((right + 1))
    else
        echo "run $run:"
        cat "${TMPDIR:-/tmp}/repeat.$$"
    fi
done
rm -f "${TMPDIR:-/tmp}/repeat.$$"
echo "$right of $runs"
[ "$right" -eq "$runs" ]
