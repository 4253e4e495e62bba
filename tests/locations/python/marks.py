"""Paths that tell where they were made: `T|file|line|function` of the caller, which passes it straight to a system call."""

import sys


def mark(lines=0, function=None):
    """The caller's own place. `lines` is added to the line, `function` replaces the name."""
    frame = sys._getframe(1)
    code = frame.f_code
    return f"T|{code.co_filename}|{frame.f_lineno + lines}|{function or code.co_qualname}"
