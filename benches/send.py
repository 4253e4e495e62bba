#!/usr/bin/env python3
"""Measures `renacer send`: a million spans from a local file to a sink on the loopback.

usage: benches/send.py [RENACER] [SPANS] [ROUNDS]

The file has lines as a trace of getppid and openat leaves them (12 attributes a span), with an id of its own for each span. The
sink is a process of its own that reads requests and throws them away. Prints spans and megabytes of JSON a second.
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


def text(key, value):
    return '{"key":"%s","value":{"stringValue":"%s"}}' % (key, value)


def number(key, value):
    return '{"key":"%s","value":{"intValue":"%d"}}' % (key, value)


RESOURCE = ",".join([
    text("service.instance.id", "1f0a7c52-4b7d-4b4e-9e2e-0c6b1a9d5f11"), text("service.name", "workload"),
    text("host.name", "build-7"), text("os.type", "linux"), number("process.pid", 4242),
    text("process.executable.path", "/usr/bin/workload"), text("telemetry.sdk.name", "renacer"),
])
SCHEMA = "https://opentelemetry.io/schemas/1.44.0"


def span(index):
    attributes = ",".join([
        number("linux.tid", 4242), number("syscall.number", 257), text("syscall.arg.dirfd", "AT_FDCWD"),
        text("syscall.arg.pathname", "\\\"/usr/share/locale/en_US/LC_MESSAGES/libc.mo\\\""),
        text("syscall.arg.flags", "O_RDONLY|O_CLOEXEC"), number("syscall.result", 3),
        text("file.path", "/usr/share/locale/en_US/LC_MESSAGES/libc.mo"), text("code.function.name", "load_catalogue"),
        text("code.file.path", "/home/user/workload/src/catalogue.c"), number("code.line.number", 123),
        number("code.column.number", 9), text("thread.name", "worker"),
    ])
    start = 1_700_000_000_000_000_000 + index * 20_000
    return ('{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"%016x","parentSpanId":"00f067aa0ba902b7","flags":256,'
            '"name":"openat","kind":1,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[%s],"status":{}}'
            % (index + 1, start, start + 9000, attributes))


def write(path, spans):
    with open(path, "w") as file:
        for first in range(0, spans, 500):
            body = ",".join(span(index) for index in range(first, min(first + 500, spans)))
            file.write('{"resourceSpans":[{"resource":{"attributes":[%s]},"scopeSpans":[{"scope":{"name":"renacer",'
                       '"version":"0.1.0"},"spans":[%s],"schemaUrl":"%s"}],"schemaUrl":"%s"}]}\n'
                       % (RESOURCE, body, SCHEMA, SCHEMA))


def take(connection):
    buffer = bytearray(1 << 20)
    kept = b""
    while True:
        while b"\r\n\r\n" not in kept:
            count = connection.recv_into(buffer)
            if count == 0:
                return
            kept += buffer[:count]
        head, _, rest = kept.partition(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        left = length - len(rest)
        while left > 0:
            left -= connection.recv_into(buffer, min(left, len(buffer)))
        kept = b""
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n")


def start_sink():
    server = socket.create_server(("127.0.0.1", 0))
    pid = os.fork()
    if pid == 0:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=take, args=(connection,), daemon=True).start()
    return pid, server.getsockname()[1]


def main():
    renacer = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/release/renacer")
    spans = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    sink, port = start_sink()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "spans.otlp.jsonl")
        write(path, spans)
        megabytes = os.path.getsize(path) / 1e6
        rates = []
        try:
            for _ in range(rounds):
                start = time.perf_counter()
                command = [renacer, "send", "--otlp-endpoint", "http://127.0.0.1:%d" % port, path]
                subprocess.run(command, check=True, stderr=subprocess.PIPE)
                rates.append(spans / (time.perf_counter() - start))
        finally:
            os.kill(sink, 9)
    rate = statistics.median(rates)
    print("%d spans, %.0f MB: median of %d: %.0f spans/s (%s), %.0f MB/s of JSON"
          % (spans, megabytes, rounds, rate, ", ".join("%.0f" % each for each in rates), rate / spans * megabytes))


main()
