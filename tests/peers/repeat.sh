#!/bin/sh
# repeat.sh [N]: checks N times (20 unless told) that Jaeger returns what strace -f counts, for every program of tests/jaeger.rs,
# and prints how many of the runs were right. CI=true makes a missing peer a failure rather than a run that is right.
set -eu

cd "$(dirname "$0")/../.."
runs=${1:-20}
# Built once: all runs are of the same build.
cargo test --quiet --test jaeger --no-run
test=$(cargo test --test jaeger --no-run 2>&1 | sed -n 's/.*Executable tests.jaeger.rs (\(.*\))$/\1/p')
log=$(mktemp)
trap 'rm -f "$log"' EXIT
right=0
for run in $(seq "$runs"); do
    if CI=true "$test" counts_ >"$log" 2>&1; then
        right=$((right + 1))
    else
        echo "run $run:"
        cat "$log"
    fi
done
echo "$right of $runs"
[ "$right" -eq "$runs" ]
