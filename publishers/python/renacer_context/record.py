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
        self.record = (ctypes.c_char * 26).from_address(_show())


_thread = _Thread()
_key = None
# The span that any thread wrote down last, and its bytes: replaced as a whole, so that threads need no lock.
_last = (None, _NONE)


def write(context):
    """Writes down the span that is active in this context of OpenTelemetry; None is no context."""
    global _last
    span = context.get(_key or _find_key()) if context else None
    if span is None:
        _thread.record.raw = _NONE
        return
    known, record = _last
    if known is not span:
        record = _bytes(span.get_span_context())
        _last = (span, record)
    _thread.record.raw = record


def _bytes(known):
    if known is None or not known.is_valid:
        return _NONE
    return _pack(known.trace_id >> 64, known.trace_id & _LOW, known.span_id, 1, known.trace_flags & 0xFF)


def _find_key():
    """Under which OpenTelemetry keeps a context's span: a private name, but each switch would take another function call with the public
    way. None while its modules are being imported, when there are no spans yet."""
    global _key
    _key = getattr(sys.modules.get("opentelemetry.trace.propagation"), "_SPAN_KEY", None)
    return _key
