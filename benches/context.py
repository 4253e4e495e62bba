#!/usr/bin/env python3
"""Measures what it costs to read which span of its own a thread is in, in time per call as the program itself sees it.

usage: benches/context.py [--renacer FILE] [--rounds N] [--calls N]

Programs that make calls in a loop: one that publishes nothing, one that could and is in no span, one that stays in a span, and one that is in
another span at each call; each with --no-context and without. Interleaved; medians. With few calls (the default) the stages behind the
tracer do not slow it down. Compare ratios and differences of one run, on a quiet machine.
"""
import argparse
import pathlib
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]

SOURCE = r"""
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
struct __attribute__((packed)) record { uint8_t trace[16], span[8], valid, flags; uint16_t size; uint8_t attributes[64]; };
#ifdef PUBLISHES
__thread struct record *otel_thread_ctx_v1;
#endif
int main(int count, char **words) {
    long calls = atol(words[1]);
    static struct record record;
    memset(record.trace, 7, 16);
    memset(record.span, 8, 8);
    record.valid = record.flags = 1;
#ifdef PUBLISHES
    if (*words[2] != 'n')
        otel_thread_ctx_v1 = &record;
#endif
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long call = 0; call < calls; call++) {
        if (words[2][0] == 's')
            record.span[7] = call;
        syscall(SYS_getppid);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%f\n", ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / calls / 1e3);
    return 0;
}
"""


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--renacer", default=ROOT / "target/release/renacer", type=pathlib.Path)
    words.add_argument("--rounds", default=15, type=int)
    words.add_argument("--calls", default=7000, type=int)
    options = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        programs = {}
        for name, flags in [("silent", []), ("publisher", ["-DPUBLISHES"])]:
            programs[name] = pathlib.Path(folder) / name
            command = ["cc", "-O1", "-x", "c", "-", "-o", programs[name], *flags]
            subprocess.run(command, input=SOURCE, text=True, check=True)
        cases = [("silent", "no span"), ("publisher", "no span"), ("publisher", "a span"), ("publisher", "spans")]
        times = {(case, switch): [] for case in cases for switch in ("--no-context", "")}
        for _ in range(options.rounds):
            for (case, switch), found in times.items():
                command = [options.renacer, "--quiet", "--force", "-o", f"{folder}/spans.jsonl", *filter(None, [switch])]
                command += ["--", programs[case[0]], str(options.calls), case[1]]
                found.append(float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
        for case in cases:
            without, with_ = (statistics.median(times[case, switch]) for switch in ("--no-context", ""))
            ratio = f"{with_ - without:+6.2f} µs, {with_ / without:.2f} times"
            print(f"{case[0]:9}  {case[1]:7}  --no-context {without:6.2f} µs a call, by default {with_:6.2f}: {ratio}")


if __name__ == "__main__":
    main()
