"""steps.py WAY: opens `/in/TRACE/SPAN` in spans and `/outside` outside of any, and prints how often it did either.

WAY: threads, asyncio, eager (asyncio's eager tasks), uvloop, gevent.
"""

import asyncio
import contextvars
import os
import sys
import threading

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

TASKS, ROUNDS = 20, 10
counts = {"inside": 0, "outside": 0}
lock = threading.Lock()
trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("steps")


def call():
    span = trace.get_current_span().get_span_context()
    where = "inside" if span.is_valid else "outside"
    path = f"/in/{span.trace_id:032x}/{span.span_id:016x}" if span.is_valid else "/outside"
    with lock:
        counts[where] += 1
    try:
        os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        pass


def in_thread():
    call()
    for _ in range(ROUNDS):
        with tracer.start_as_current_span("outer"):
            call()
            with tracer.start_as_current_span("inner"):
                call()
                # In another context, and back.
                contextvars.Context().run(call)
                call()
            try:
                contextvars.copy_context().run(fail)
            except ValueError:
                call()
        call()


def fail():
    with tracer.start_as_current_span("failing", record_exception=False):
        call()
        raise ValueError


async def task(pause):
    call()
    for _ in range(ROUNDS):
        with tracer.start_as_current_span("outer"):
            call()
            await pause()
            call()
            with tracer.start_as_current_span("inner"):
                await asyncio.gather(child(pause), child(pause))
                call()
            await asyncio.get_running_loop().run_in_executor(None, contextvars.copy_context().run, call)
            call()
        await pause()
        call()


async def child(pause):
    call()
    await pause()
    with tracer.start_as_current_span("child"):
        call()
        await pause()
        call()


async def tasks():
    pause = lambda: asyncio.sleep(0.001)  # noqa: E731
    others = [asyncio.create_task(outside()) for _ in range(3)]
    await asyncio.gather(*(task(pause) for _ in range(TASKS)))
    await asyncio.gather(*others)


async def outside():
    for _ in range(ROUNDS):
        call()
        await asyncio.sleep(0.003)


async def callbacks():
    """Plain ones in a span, that run something in a context, before others outside of any: only tasks are followed in every loop."""
    loop = asyncio.get_running_loop()
    for _ in range(ROUNDS):
        done = loop.create_future()
        with tracer.start_as_current_span("callback"):
            loop.call_soon(contextvars.copy_context().run, call)
            loop.call_soon(lambda: contextvars.copy_context().run(call))
        contextvars.Context().run(loop.call_soon, call)
        loop.call_soon(done.set_result, None)
        await done


async def both():
    await tasks()
    await callbacks()


async def eager():
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    await tasks()


def with_gevent():
    import gevent

    def greenlet():
        call()
        for _ in range(ROUNDS):
            with tracer.start_as_current_span("outer"):
                call()
                gevent.sleep(0.001)
                call()
            gevent.sleep(0)
            call()

    gevent.joinall([gevent.spawn(greenlet) for _ in range(TASKS)])


way = sys.argv[1]
if way == "threads":
    threads = [threading.Thread(target=in_thread) for _ in range(TASKS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
elif way == "asyncio":
    asyncio.run(both())
elif way == "eager":
    asyncio.run(eager())
elif way == "uvloop":
    import uvloop

    uvloop.run(both())
elif way == "gevent":
    with_gevent()
print(counts["inside"], counts["outside"])
