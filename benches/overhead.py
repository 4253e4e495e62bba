#!/usr/bin/env python3
"""Compares what `--overhead` asks for with what a program loses, by the program's own clock.

usage: benches/overhead.py [ROUNDS] [RENACER]

The program makes a number of rounds, each some work without calls and a getppid, in one thread or in four, and says how long they took.
Native, under a full trace and under 1%, 5% and 20%, interleaved; printed is the median time as a multiple of the native run before it,
and the spread of the middle half of the rounds. A program that loses a share s of its time takes 1 / (1 - s) times as long: 1.01, 1.05
and 1.25. What a run costs at its start (the program's loading is traced too) is not in it: the program starts its clock half a second
after its start.
"""
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCE = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static long rounds, work;
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
static void run(long count) {
    for (long i = 0; i < count; i++) {
        for (volatile long j = 0; j < work; j++) {}
        syscall(SYS_getppid);
    }
}
static void *body(void *unused) { run(rounds); return unused; }
int main(int argc, char **argv) {
    rounds = atol(argv[1]);
    work = atol(argv[2]);
    int count = atoi(argv[3]);
    for (double warm = now() + 0.5; now() < warm;) run(10);
    pthread_t threads[16];
    double start = now();
    for (int i = 1; i < count; i++) pthread_create(&threads[i], NULL, body, NULL);
    run(rounds);
    for (int i = 1; i < count; i++) pthread_join(threads[i], NULL);
    printf("%f\n", now() - start);
    return 0;
}
"""
# Rounds and work for some two seconds, and threads.
WORKLOADS = {
    "calls only": (12_000_000, 0, 1),
    "a call each 10 µs": (200_000, 6_000, 1),
    "a call each 100 µs": (20_000, 60_000, 1),
    "two threads, a call each 10 µs": (200_000, 6_000, 2),
    "four threads, a call each 10 µs": (100_000, 6_000, 4),
}
SHARES = ["20%", "5%", "1%"]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    renacer = sys.argv[2] if len(sys.argv) > 2 else str(ROOT / "target/release/renacer")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "work.c").write_text(SOURCE)
        subprocess.run(["cc", "-O1", "-pthread", "-o", folder / "work", folder / "work.c"], check=True)
        for name, (count, work, threads) in WORKLOADS.items():
            scale = calibrate(folder, count, work)
            measure(folder, renacer, rounds, name, [str(int(count * scale)), str(work), str(threads)])


def run(command):
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def calibrate(folder, count, work):
    """How many times the rounds make two seconds here."""
    return 2 * 0.1 / run([folder / "work", str(count // 10), str(work), "1"])


def measure(folder, renacer, rounds, name, arguments):
    file = folder / "spans.jsonl"
    ratios, calls = {share: [] for share in SHARES}, {share: [] for share in SHARES}
    for _ in range(rounds):
        for share in SHARES:
            native = run([folder / "work", *arguments])
            trace = [renacer, "trace", "--quiet", "--force", "-o", file, "--overhead", share, "--"]
            ratios[share].append(run([*trace, folder / "work", *arguments]) / native)
            calls[share].append(sum(line.count('"syscall.number"') for line in file.open()))
    # A full trace of fewer rounds: it takes long.
    short = [str(int(arguments[0]) // 40 + 1), *arguments[1:]]
    trace = [renacer, "trace", "--quiet", "--force", "-o", file, "--"]
    full = run([*trace, folder / "work", *short]) / run([folder / "work", *short])
    print(f"{name}: full {full:.2f}")
    for share in SHARES:
        low, middle, high = statistics.quantiles(ratios[share], n=4)
        wanted = 1 / (1 - float(share[:-1]) / 100)
        print(f"  {share:>4}: {middle:.3f} ({low:.3f} to {high:.3f}), asked for {wanted:.3f}; {statistics.median(calls[share]):.0f} calls seen", flush=True)


if __name__ == "__main__":
    main()
