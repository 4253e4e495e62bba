#!/usr/bin/env python3
"""Compares what tracing costs: native, strace, Renacer to a file, Renacer to a collector, interleaved in one run.

usage: benches/compare.py [ROUNDS] [WORKLOAD...]

Builds Renacer and the workloads. For each workload and each placement it prints the median time per call that each tracer adds, its
ratio to strace's, and the same ratio of processor time (of tracer and tracees, all their threads), which is little disturbed by what else
the machine does; at the end the peak memory of a run of 5 million calls. Placements: free: where the kernel likes; pinned: the tracer's
own thread and the tracees on one core, Renacer's other threads and the collector elsewhere; taskset: all of it but the collector on one
core. The collector is the sink below, which takes requests and throws them away.
Run it on a quiet machine; compare ratios, not times.
"""
import http.server
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static long count;
static void *ask(void *unused) { for (long i = 0; i < count; i++) syscall(SYS_getppid); return unused; }
static void pin(pid_t who) { cpu_set_t set; CPU_ZERO(&set); CPU_SET(1, &set); if (sched_setaffinity(who, sizeof set, &set)) exit(2); }
int main(int argc, char **argv) {
    (void)argc;
    if (!strcmp(argv[1], "pin-both")) pin(getppid());
    if (!strncmp(argv[1], "pin", 3)) { pin(0); execvp(argv[2], argv + 2); return 127; }
    count = atol(argv[2]);
    if (!strcmp(argv[1], "getppid")) ask(0);
    if (!strcmp(argv[1], "read")) { char c; int fd = open("/dev/zero", O_RDONLY); for (long i = 0; i < count; i++) if (read(fd, &c, 1) != 1) return 1; }
    if (!strcmp(argv[1], "open")) for (long i = 0; i < count / 3; i++) { struct stat s; int fd = open("/etc/passwd", O_RDONLY); fstat(fd, &s); close(fd); }
    if (!strcmp(argv[1], "threads")) { pthread_t t[4]; count /= 4; for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, ask, 0); for (int i = 0; i < 4; i++) pthread_join(t[i], 0); }
    if (!strcmp(argv[1], "forkexec")) for (long i = 0; i < count; i++) { pid_t p = vfork(); if (!p) { execl("/bin/true", "true", (char *)0); _exit(1); } waitpid(p, 0, 0); }
    return 0;
}
"""


class Sink(http.server.BaseHTTPRequestHandler):
    """Takes every request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        left = int(self.headers["Content-Length"])
        while left > 0:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def start_sink():
    """The sink in a process of its own, so that it does not share our interpreter's time; returns its port."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
        os.write(write, str(server.server_port).encode())
        os.close(write)
        server.serve_forever()
    os.close(write)
    return pid, int(os.read(read, 16))


def timed(prefix, command, placement, workload):
    """Runs the command; returns the seconds that it took, on the clock and on processors."""
    pin = (lambda: os.sched_setaffinity(0, {1})) if placement == "taskset" else None
    if placement == "pinned":
        # The parent of what a tracer runs is the tracer's own thread.
        command = [workload, "pin-both" if prefix else "pin"] + command
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(prefix + command, check=True, preexec_fn=pin, stdout=subprocess.DEVNULL)
    after, end = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    return end - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    chosen = sys.argv[2:]
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    renacer = str(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/renacer")
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "workload.c").write_text(SOURCE)
    workload = str(folder / "workload")
    subprocess.run(["cc", "-O1", "-pthread", "-o", workload, str(folder / "workload.c")], check=True)
    sink, port = start_sink()
    try:
        compare(rounds, chosen, renacer, workload, folder, port)
    finally:
        os.kill(sink, 9)
        shutil.rmtree(folder)


def compare(rounds, chosen, renacer, workload, folder, port):
    gcc = ["gcc", "-O1", "-c", str(folder / "workload.c"), "-o", str(folder / "workload.o")]
    workloads = {
        "getppid": ([workload, "getppid", "20000"], 20000), "read": ([workload, "read", "20000"], 20000),
        "open": ([workload, "open", "18000"], 18000), "threads": ([workload, "threads", "20000"], 20000),
        "forkexec": ([workload, "forkexec", "100"], 100), "compile": (gcc, 1),
    }
    tracers = {
        "native": [],
        "strace": ["strace", "-f", "-o", "/dev/null", "--"],
        "file": [renacer, "trace", "--no-source", "--quiet", "--force", "-o", str(folder / "spans"), "--"],
        # As strace does: every call, and no look for its source.
        "collector": [renacer, "trace", "--no-source", "--detail", "full", "--quiet", "--otlp-endpoint", f"http://127.0.0.1:{port}", "--"],
        "default": [renacer, "trace", "--quiet", "--otlp-endpoint", f"http://127.0.0.1:{port}", "--"],
    }
    print(f"{'workload':10} {'placement':9} " + "".join(f"{name:>20}" for name in tracers) + "   (added µs per call; ÷ strace; of processor time)")
    for name, (command, calls) in workloads.items():
        if chosen and name not in chosen:
            continue
        for placement in ("free", "pinned", "taskset"):
            times = {tracer: [] for tracer in tracers}
            for _ in range(rounds):
                for tracer, prefix in tracers.items():
                    times[tracer].append(timed(prefix, command, placement, workload))
            medians = {tracer: [statistics.median(column) for column in zip(*values)] for tracer, values in times.items()}
            added = {tracer: [value - native for value, native in zip(medians[tracer], medians["native"])] for tracer in tracers}
            cells = [f"{medians['native'][0] * 1e3:10.1f} ms "]
            for tracer in list(tracers)[1:]:
                clock, processor = (value / strace for value, strace in zip(added[tracer], added["strace"]))
                cells.append(f"{added[tracer][0] / calls * 1e6:8.1f} {clock:5.2f} {processor:5.2f}")
            print(f"{name:10} {placement:9} " + "".join(f"{cell:>20}" for cell in cells), flush=True)
    if not chosen or "memory" in chosen:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        subprocess.run(tracers["collector"] + [workload, "getppid", "5000000"], check=True, preexec_fn=lambda: os.sched_setaffinity(0, {1}))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(f"peak memory of the largest process so far, 5 million calls included: {peak / 1024:.1f} MiB (before: {before / 1024:.1f})")


main()
