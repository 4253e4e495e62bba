"""An OTLP receiver over HTTP that takes nothing on trust: each batch is parsed by Google's protobuf library.

Prints its address first, then `span ID NAME` for each span it took and `refused WHY` for each batch it did not take.
"""

import base64
import gzip
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse


def parse(body, content_type):
    """The request; raises on what protobuf or UTF-8 or JSON do not allow."""
    if content_type == "application/x-protobuf":
        return ExportTraceServiceRequest.FromString(body)
    if content_type == "application/json":
        request = json.loads(body.decode("utf-8", "strict"), object_hook=ids_as_protobuf_writes_them)
        return json_format.ParseDict(request, ExportTraceServiceRequest())
    raise ValueError("Content-Type " + content_type)


def ids_as_protobuf_writes_them(members):
    """OTLP writes ids in hexadecimal, where protobuf's own JSON writes base64."""
    for key in ("traceId", "spanId", "parentSpanId"):
        if key in members:
            members[key] = base64.b64encode(bytes.fromhex(members[key])).decode()
    return members


def check(span):
    """What OTLP asks of a span beyond its form."""
    if len(span.trace_id) != 16 or len(span.span_id) != 8 or len(span.parent_span_id) not in (0, 8):
        raise ValueError("an id of a wrong length")
    if not span.name or span.end_time_unix_nano <= span.start_time_unix_nano:
        raise ValueError("no name or no duration")
    keys = [attribute.key for attribute in span.attributes]
    if len(keys) != len(set(keys)):
        raise ValueError("an attribute twice")


def say(text):
    # In one piece: several batches may be taken at once.
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        content_type = self.headers["Content-Type"]
        try:
            if self.path != "/v1/traces":
                raise ValueError("path " + self.path)
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            request = parse(body, content_type)
            spans = [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]
            for span in spans:
                check(span)
        except Exception as error:
            say("refused %s %r" % (content_type, error))
            self.answer(400, b"")
            return
        say("\n".join("span %s %s" % (span.span_id.hex(), span.name) for span in spans))
        response = ExportTraceServiceResponse()
        if content_type == "application/json":
            self.answer(200, json_format.MessageToJson(response).encode())
        else:
            self.answer(200, response.SerializeToString())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", self.headers["Content-Type"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
say(json.dumps({"address": "%s:%d" % server.server_address}))
server.serve_forever()
