"""Tells tracers outside of the program which OpenTelemetry span each of its threads is in.

OpenTelemetry loads `RuntimeContext` as the keeper of its current context where OTEL_PYTHON_CONTEXT=renacer_context is set. It keeps
the context as OpenTelemetry's own does, and writes down the active span (see `record`) whenever that changes: because a context is
attached or detached, or because the thread goes on in another one (see `switches`). Where that is not possible, it is OpenTelemetry's own.
"""

from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext

__all__ = ["RuntimeContext"]

try:
    from renacer_context.record import write
    from renacer_context.switches import follow
except Exception:  # Nothing that the program could do about it: it runs as without us.
    RuntimeContext = ContextVarsRuntimeContext
else:

    class RuntimeContext(ContextVarsRuntimeContext):
        """OpenTelemetry's context, whose active span is published."""

        def __init__(self):
            super().__init__()
            self._publish = follow(self._current_context, write)

        def attach(self, context):
            """Makes this context the current one; returns what `detach` needs."""
            token = self._current_context.set(context)
            self._publish(context)
            return token

        def detach(self, token):
            """Makes the context current that was before."""
            try:
                self._current_context.reset(token)
            finally:
                self._publish(self._current_context.get())
