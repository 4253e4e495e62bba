#!/usr/bin/env python3
"""crashes.py RENACER [ROUNDS]: kills Renacer with SIGKILL at random moments (50 times unless told) and reads every file that it
leaves line by line with Google's protobuf library and the OTLP types from PyPI.

Run it with the Python of tests/peers/build.sh (target/peers/venv/bin/python). The program that is traced never stops to make
calls, so the file's last one tells up to when it holds everything: 200 ms before the kill, and a bit more is allowed for a busy
machine. In one third of the rounds spans go to the file of -o; in another the collector is not there, so that the file is the
one for what could not be delivered; in the last it comes and goes, so that files are written, read and removed all the time.
"""

import base64
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

PROGRAM = r"""
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int main(void) {
    for (;;) {
        for (int i = 0; i < 20; i++) syscall(SYS_getppid);
        struct timespec t = {0, 2000000};
        nanosleep(&t, 0);
    }
}
"""
# Older calls than this are in the file: 200 ms is what Renacer promises, the rest is the machine's.
PROMISED = 0.2
ALLOWED = 0.8


def ids_as_protobuf_writes_them(members):
    for key in ("traceId", "spanId", "parentSpanId"):
        if key in members:
            members[key] = base64.b64encode(bytes.fromhex(members[key])).decode()
    return members


def read(path):
    """The spans of a file; raises where a line is not whole and valid."""
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        raise ValueError("%s ends in the middle of a line" % path)
    spans = []
    for line in data.splitlines():
        parsed = json.loads(line.decode("utf-8", "strict"), object_hook=ids_as_protobuf_writes_them)
        message = json_format.ParseDict(parsed, TracesData())
        spans += [span for resource in message.resource_spans for scope in resource.scope_spans for span in scope.spans]
    return spans


class Flapping(BaseHTTPRequestHandler):
    """Takes requests during every other 300 ms."""

    protocol_version = "HTTP/1.1"
    taken = {}

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        up = int(time.monotonic() / 0.3) % 2
        if up:
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        self.taken[span.span_id] = span.end_time_unix_nano
        self.send_response(200 if up else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    renacer = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    random.seed(int(os.environ.get("SEED", time.time_ns() % 1_000_000)))
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "calls.c").write_text(PROGRAM)
    program = folder / "calls"
    subprocess.run(["cc", "-O1", "-o", program, folder / "calls.c"], check=True)
    nobody = socket.socket()
    nobody.bind(("127.0.0.1", 0))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Flapping)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lines = spans_read = failures = 0
    worst = {"file": 0.0, "spill": 0.0}
    for number in range(rounds):
        place = folder / str(number)
        place.mkdir()
        kind = ("file", "spill", "flapping")[number % 3]
        command = [renacer, "trace", "--quiet", "--detail", "full"]
        if kind == "file":
            command += ["-o", "trace.otlp.jsonl"]
        else:
            port = nobody.getsockname()[1] if kind == "spill" else server.server_port
            command += ["--otlp-endpoint", "http://127.0.0.1:%d" % port]
        Flapping.taken.clear()
        child = subprocess.Popen(command + ["--", str(program)], cwd=place, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0.02, 2.5))
        killed = time.time()
        child.send_signal(signal.SIGKILL)
        child.wait()
        # The line that was being written comes to its end.
        time.sleep(0.1)
        try:
            files = sorted(place.glob("*"))
            spans = [span for path in files for span in read(path)]
            lines += sum(path.read_bytes().count(b"\n") for path in files)
            spans_read += len(spans)
            ends = [span.end_time_unix_nano for span in spans] + list(Flapping.taken.values())
            if kind == "flapping":
                # What was under way or waited for a request is in memory only.
                continue
            latest = max(ends, default=0) / 1e9
            if latest:
                worst[kind] = max(worst[kind], killed - latest)
                if killed - latest > PROMISED + ALLOWED:
                    raise ValueError("the last call is %.3f s older than the kill" % (killed - latest))
        except Exception as error:
            failures += 1
            print("round %d (%s): %r" % (number, kind, error))
    print("%d kills: %d files' lines read, %d spans, %d failures; the last call at most %.0f ms before the kill, "
          "%.0f ms where a collector had to be asked first" % (rounds, lines, spans_read, failures, worst["file"] * 1000, worst["spill"] * 1000))
    subprocess.run(["rm", "-rf", folder], check=True)
    sys.exit(1 if failures else 0)


main()
