"""What the publisher costs: a switch of spans, and a step of a task, in nanoseconds, with OpenTelemetry's own context and with ours.

usage: python bench.py [ROUNDS]      (with renacer_context installed)

Each figure is processor time, the median over rounds of processes that take turns.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import time


def switch():
    """Attaching a context with a span, or detaching it."""
    from opentelemetry import context, trace
    from opentelemetry.sdk.trace import TracerProvider

    span = TracerProvider().get_tracer("bench").start_span("span")
    ours = trace.set_span_in_context(span)
    count = 50_000
    start = time.process_time_ns()
    for _ in range(count):
        context.detach(context.attach(ours))
    return (time.process_time_ns() - start) / count / 2


def step():
    """A step of a task of asyncio that does nothing."""
    from opentelemetry.sdk.trace import TracerProvider

    count = 50_000

    async def run():
        with TracerProvider().get_tracer("bench").start_as_current_span("span"):
            start = time.process_time_ns()
            for _ in range(count):
                await asyncio.sleep(0)
            return (time.process_time_ns() - start) / count

    return asyncio.run(run())


def main():
    # Python looks beside this file first, where the package has no native part.
    sys.path.pop(0)
    from opentelemetry.context import _RUNTIME_CONTEXT

    if os.environ.get("OTEL_PYTHON_CONTEXT") and not hasattr(_RUNTIME_CONTEXT, "_publish"):
        sys.exit("the package's native part is missing: pip install publishers/python")

    if sys.argv[1:2] == ["one"]:
        print({"switch": switch, "step": step}[sys.argv[2]]())
        return
    rounds = int(sys.argv[1]) if sys.argv[1:] else 15
    for what in ["switch", "step"]:
        found = {"": [], "renacer_context": []}
        for _ in range(rounds):
            for name, times in found.items():
                environment = {**os.environ, "OTEL_PYTHON_CONTEXT": name}
                command = [sys.executable, __file__, "one", what]
                times.append(float(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout))
        plain, published = (statistics.median(times) for times in found.values())
        print(f"{what}: {plain:.0f} ns as it comes, {published:.0f} published: {published - plain:+.0f}")


if __name__ == "__main__":
    main()
