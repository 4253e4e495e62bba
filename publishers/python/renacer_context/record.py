"""The thread's record: in memory that belongs to the thread, where a tracer that has stopped it looks (OTEP 4947)."""

import ctypes
import pathlib
import struct
import sys
import threading

# trace_id[16], span_id[8], valid, flags; ids as W3C writes them. Two bytes follow: the size of attributes, of which there are none.
_pack = struct.Struct(">QQQBB").pack
_LOW = (1 << 64) - 1
_NONE = bytes(26)


def _library():
    (path,) = pathlib.Path(__file__).parent.glob("_thread_record*.so")
    library = ctypes.CDLL(str(path))
    library.renacer_thread_record.restype = ctypes.c_void_p
    return library


_show = _library().renacer_thread_record


class _Thread(threading.local):
    def __init__(self):
        # It goes with the thread, and so does the memory.
        self.record = memoryview((ctypes.c_char * 26).from_address(_show())).cast("B")
        self.span = None
        self.bytes = _NONE


_thread = _Thread()


def write(context):
    """Writes down the span that is active in this context of OpenTelemetry; None is no context."""
    thread = _thread
    trace = sys.modules.get("opentelemetry.trace")
    # While that is being imported there are no spans yet.
    find = getattr(trace, "get_current_span", None)
    if not context or find is None:
        thread.record[:] = _NONE
        return
    span = find(context)
    if span is not thread.span:
        thread.span = span
        known = span.get_span_context()
        if known.is_valid:
            trace_id = known.trace_id
            thread.bytes = _pack(trace_id >> 64, trace_id & _LOW, known.span_id, 1, known.trace_flags & 0xFF)
        else:
            thread.bytes = _NONE
    thread.record[:] = thread.bytes
