"""services.py KIND [ADDRESS]: a web service as its makers would write it, on OpenTelemetry's stock SDK and instrumentation. It prints its
port, and ends when standard input does.

KIND: fastapi, uvloop (FastAPI on that loop), flask, stock (Flask with a database), order (FastAPI that asks the stock service at ADDRESS).

What a request opens says which request that is and which of its steps; its answer is the trace and the server span.
"""

import asyncio
import os
import sqlite3
import sys
import tempfile
import threading

import flask
import httpx
import uvicorn
import werkzeug.serving
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("services")


def call(request, step):
    try:
        os.open(f"/request/{request}/{step}", os.O_RDONLY)
    except FileNotFoundError:
        pass


def answer():
    span = trace.get_current_span().get_span_context()
    return f"{span.trace_id:032x} {span.span_id:016x}"


def with_fastapi():
    app = FastAPI()

    @app.get("/sync/{request}")
    def in_a_thread(request: str):
        call(request, "begin")
        with tracer.start_as_current_span("inner"):
            call(request, "inner")
        call(request, "end")
        return answer()

    @app.get("/async/{request}")
    async def in_the_loop(request: str):
        call(request, "begin")
        await asyncio.sleep(0.002)
        call(request, "after")
        await asyncio.to_thread(call, request, "thread")

        async def task():
            await asyncio.sleep(0)
            call(request, "task")

        other = asyncio.create_task(task())
        with tracer.start_as_current_span("inner"):
            await asyncio.sleep(0)
            call(request, "inner")
        await other
        call(request, "end")
        return answer()

    return app


def with_flask():
    app = flask.Flask("flask")

    @app.get("/sync/<request>")
    def handle(request):
        call(request, "begin")
        with tracer.start_as_current_span("inner"):
            call(request, "inner")
        call(request, "end")
        return answer()

    return app


def order(stock):
    app = FastAPI()
    client = httpx.AsyncClient(base_url=stock, timeout=60)

    @app.get("/order/{request}")
    async def handle(request: str):
        call(request, "order")
        found = (await client.get(f"/stock/{request}")).text
        call(request, "ordered")
        return f"{answer()} {found}"

    return app


def stock():
    app = flask.Flask("stock")
    path = os.path.join(tempfile.mkdtemp(), "stock.db")
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE stock (count INTEGER)")
    database.execute("INSERT INTO stock VALUES (7)")
    database.commit()

    @app.get("/stock/<request>")
    def handle(request):
        call(request, "stock")
        connection = sqlite3.connect(path)
        cursor = connection.cursor()
        assert cursor.execute("SELECT count FROM stock").fetchone() == (7,)
        connection.close()
        return answer()

    return app


def serve_asgi(app, loop):
    import socket

    FastAPIInstrumentor.instrument_app(app)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = uvicorn.Server(uvicorn.Config(app, loop=loop, log_level="warning"))

    def end():
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=end, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    server.run(sockets=[listener])


def serve_wsgi(app):
    FlaskInstrumentor().instrument_app(app)
    server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    print(server.server_port, flush=True)
    server.serve_forever()


kind = sys.argv[1]
HTTPXClientInstrumentor().instrument()
SQLite3Instrumentor().instrument()
if kind == "fastapi":
    serve_asgi(with_fastapi(), "asyncio")
elif kind == "uvloop":
    serve_asgi(with_fastapi(), "uvloop")
elif kind == "order":
    serve_asgi(order(sys.argv[2]), "asyncio")
elif kind == "flask":
    serve_wsgi(with_flask())
elif kind == "stock":
    serve_wsgi(stock())
provider.shutdown()
