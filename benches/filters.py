#!/usr/bin/env python3
"""What calls cost that a filter does not want, and what those cost that it wants, beside strace, interleaved in one run.

usage: benches/filters.py [ROUNDS]

The program measures its own time per call: a million calls of which none is wanted, 300,000 of which one in a hundred is. Free: where
the kernel likes; pinned: tracer and program on one core. Prints medians; compare them within a row only, and on a quiet machine.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e9 + t.tv_nsec; }
int main(int argc, char **argv) {
    (void)argc;
    long count = atol(argv[1]), every = atol(argv[2]);
    char byte;
    int zero = open("/dev/zero", O_RDONLY);
    double start = now();
    for (long i = 1; i <= count; i++)
        if (every && i % every == 0) (void)!read(zero, &byte, 1);
        else syscall(SYS_getppid);
    fprintf(stderr, "%f\n", (now() - start) / count);
    return 0;
}
"""


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    renacer = str(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/renacer")
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder, "program.c"), str(pathlib.Path(folder, "program"))
        source.write_text(SOURCE)
        subprocess.run(["cc", "-O2", "-o", program, source], check=True)
        ours = [renacer, "trace", "--quiet", "--force", "-o", str(pathlib.Path(folder, "spans"))]
        tracers = {
            "native": [],
            "strace": ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=read,pread64"],
            "renacer": ours + ["--no-source", "-e", "trace=read,pread64"],
            "with source": ours + ["-e", "trace=read,pread64"],
        }
        print(f"{'':22}" + "".join(f"{name:>24}" for name in tracers) + "   (ns a call; added; added ÷ strace's)")
        for title, words in {"none wanted": ["1000000", "0"], "one in 100 wanted": ["300000", "100"]}.items():
            for placement in ("free", "pinned"):
                times = {name: [] for name in tracers}
                for _ in range(rounds):
                    for name, prefix in tracers.items():
                        pin = (lambda: os.sched_setaffinity(0, {1})) if placement == "pinned" else None
                        run = subprocess.run(prefix + [program] + words, check=True, preexec_fn=pin, stderr=subprocess.PIPE, text=True)
                        times[name].append(float(run.stderr.split()[-1]))
                native = statistics.median(times["native"])
                strace = statistics.median(times["strace"]) - native
                cells = [f"{native:8.1f}"]
                for name in list(tracers)[1:]:
                    value = statistics.median(times[name])
                    cells.append(f"{value:8.1f} {value - native:8.1f} {(value - native) / strace:5.2f}")
                print(f"{title + ', ' + placement:22}" + "".join(f"{cell:>24}" for cell in cells), flush=True)


main()
