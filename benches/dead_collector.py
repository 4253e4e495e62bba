#!/usr/bin/env python3
"""What a collector that does not behave costs the traced program, compared with one that takes everything.

usage: benches/dead_collector.py [RENACER] [CALLS] [ROUNDS]

The program measures its own time for CALLS calls (200,000 unless told); what Renacer does after its end is printed beside it. The
collectors take turns, in both overflow modes: one that takes everything, a port where nobody listens, one that accepts
connections and never answers, and one that is always busy. Prints medians and the ratio to the first one. Run it on a quiet
machine.
"""
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
SOURCE = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
int main(int argc, char **argv) {
    double start = now();
    for (long i = atol(argv[argc - 1]); i > 0; i--) syscall(SYS_getppid);
    printf("%f\n", now() - start);
    return 0;
}
"""


def serve(server, answer):
    def take(connection):
        buffer = bytearray(1 << 20)
        kept = b""
        try:
            while True:
                while b"\r\n\r\n" not in kept:
                    count = connection.recv_into(buffer)
                    if count == 0:
                        return
                    kept += buffer[:count]
                head, _, rest = kept.partition(b"\r\n\r\n")
                lines = head.lower().split(b"\r\n")
                left = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")) - len(rest)
                while left > 0:
                    left -= connection.recv_into(buffer, min(left, len(buffer)))
                kept = b""
                if answer is None:
                    time.sleep(3600)
                connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % answer)
        except OSError:
            pass

    while True:
        connection, _ = server.accept()
        threading.Thread(target=take, args=(connection,), daemon=True).start()


def start(answer):
    server = socket.create_server(("127.0.0.1", 0))
    pid = os.fork()
    if pid == 0:
        serve(server, answer)
    return pid, server.getsockname()[1]


def main():
    renacer = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else str(ROOT / "target/release/renacer")
    calls = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 7
    nobody = socket.socket()
    nobody.bind(("127.0.0.1", 0))
    sinks = [start(b"200 OK"), start(None), start(b"503 Service Unavailable")]
    ports = {"live": sinks[0][1], "dead": nobody.getsockname()[1], "silent": sinks[1][1], "busy": sinks[2][1]}
    try:
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder, "program.c")
            source.write_text(SOURCE)
            program = os.path.join(folder, "program")
            subprocess.run(["cc", "-O1", "-o", program, source], check=True)
            for mode in ("block", "drop"):
                own, end = {name: [] for name in ports}, {name: [] for name in ports}
                for _ in range(rounds):
                    for name, port in ports.items():
                        command = [renacer, "trace", "--quiet", "--detail", "full", "--on-overflow", mode,
                                   "--shutdown-timeout", "2s", "--otlp-endpoint", "http://127.0.0.1:%d" % port,
                                   "--", program, str(calls)]
                        began = time.perf_counter()
                        done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE,
                                              stderr=subprocess.PIPE)
                        whole = time.perf_counter() - began
                        own[name].append(float(done.stdout))
                        end[name].append(whole - own[name][-1])
                        for file in pathlib.Path(folder).glob("*.otlp.jsonl"):
                            file.unlink()
                for name in ports:
                    times = statistics.median(own[name])
                    print("%-6s %-7s program %.2f s, ratio %.3f; Renacer's start and end %.2f s"
                          % (mode, name, times, times / statistics.median(own["live"]), statistics.median(end[name])))
    finally:
        for pid, _ in sinks:
            os.kill(pid, 9)


main()
