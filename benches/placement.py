#!/usr/bin/env python3
"""Where tracer and program run, and what that is worth: each way of placing them beside strace, interleaved in one run.

usage: benches/placement.py [ROUNDS]

Prints the median time per call (or per fork and exec) that each way adds to the native one. Needs root for the scheduling classes. Run it on
an idle machine with two processors or more: waking an idle one is what costs.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCE = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static long count;
static void *ask(void *unused) { for (long i = 0; i < count; i++) syscall(SYS_getppid); return unused; }
static void *work(void *unused) { for (long i = 0; i < count; i++) { volatile double x = 1; for (int j = 0; j < 20000; j++) x *= 1.0000001; syscall(SYS_getppid); } return unused; }
static void several(int threads, void *(*what)(void *)) {
    pthread_t t[8];
    for (int i = 0; i < threads; i++) pthread_create(&t[i], 0, what, 0);
    for (int i = 0; i < threads; i++) pthread_join(t[i], 0);
}
int main(int argc, char **argv) {
    (void)argc;
    count = atol(argv[2]);
    if (!strcmp(argv[1], "getppid")) ask(0);
    if (!strcmp(argv[1], "threads")) several(4, ask);
    if (!strcmp(argv[1], "parallel")) several(2, work);
    if (!strcmp(argv[1], "forkexec")) for (long i = 0; i < count; i++) { pid_t p = fork(); if (!p) { execl("/bin/true", "true", (char *)0); _exit(1); } waitpid(p, 0, 0); }
    return 0;
}
"""


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    renacer = str(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/renacer")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        source, program = pathlib.Path(folder, "program.c"), str(pathlib.Path(folder, "program"))
        source.write_text(SOURCE)
        subprocess.run(["cc", "-O2", "-pthread", "-o", program, source], check=True)
        ours = [renacer, "trace", "--no-source", "--quiet", "--force", "-o", str(pathlib.Path(folder, "spans"))]
        never = ours + ["--pin=never", "--"]
        ways = {
            "native": [],
            "strace -f": ["strace", "-f", "-o", "/dev/null"],
            "strace, one core": ["taskset", "-c", "1", "strace", "-f", "-o", "/dev/null"],
            "--pin=never": never,
            "--pin=auto (default)": ours + ["--"],
            "--pin": ours + ["--pin", "--"],
            "SCHED_FIFO": ["chrt", "-f", "1"] + never,
            "SCHED_BATCH": ["chrt", "-b", "0"] + never,
            "nice -20": ["nice", "-n", "-20"] + never,
            "no core ever idle": never,
        }
        workloads = {"getppid": 20000, "forkexec": 100, "threads": 5000, "parallel": 1500}
        times = {(way, workload): [] for way in ways for workload in workloads}
        for _ in range(rounds):
            for way, prefix in ways.items():
                # A spinner of the lowest class on each core keeps it from going to sleep.
                spin = [
                    subprocess.Popen(["chrt", "-i", "0", "taskset", "-c", str(core), "sh", "-c", "while :; do :; done"])
                    for core in sorted(os.sched_getaffinity(0))
                ] if way == "no core ever idle" else []
                for workload, count in workloads.items():
                    start = time.perf_counter()
                    subprocess.run(prefix + [program, workload, str(count)], check=True, stdout=subprocess.DEVNULL)
                    times[way, workload].append(time.perf_counter() - start)
                for process in spin:
                    process.kill()
                    process.wait()
        print(f"{'added µs':22}" + "".join(f"{workload:>12}" for workload in workloads))
        calls = {"getppid": 20000, "forkexec": 100, "threads": 20000, "parallel": 3000}
        for way in list(ways)[1:]:
            added = {w: statistics.median(times[way, w]) - statistics.median(times["native", w]) for w in workloads}
            print(f"{way:22}" + "".join(f"{added[w] / calls[w] * 1e6:12.1f}" for w in workloads), flush=True)


main()
