"""Switches between contexts: Python goes on in another one without telling OpenTelemetry.

asyncio runs each step of a task in the task's own context, and threads that run a function for somebody else run it in that one's
(`asyncio.to_thread`, anyio, and so FastAPI). All of these enter it by `contextvars.Context.run`, which is replaced by one that tells us.
What enters contexts by other ways is looked after below: eager tasks, uvloop, greenlets. Where the thread's context is not known, nothing
is published. (The interpreter itself tells from 3.14 on, PyContext_AddWatcher, but also while an exception is on its way, when no
Python code may run.)
"""

import asyncio
import collections.abc
import contextvars
import ctypes
import functools
import gc
import sys
import threading


class _Thread(threading.local):
    follows_greenlets = False
    # A loop runs that enters contexts by itself, and perhaps a step of one of its tasks that are followed.
    foreign_loop = False
    in_step = False


_thread = _Thread()


def follow(variable, write):
    """From here on, `write` gets OpenTelemetry's context (what `variable` is in Python's), or None, whenever the thread goes on in another one.
    Returns what is to be called when `variable` has been set."""

    modules, thread = sys.modules, _thread

    def publish(context):
        if "greenlet" in modules:
            _follow_greenlets(now)
        write(None if thread.foreign_loop and not thread.in_step else context)

    def now():
        publish(variable.get())

    _replace_run(variable, write, now)
    if sys.version_info >= (3, 12):
        _follow_eager_tasks(now)
    _follow_uvloop(now, write)
    return publish


def _replace_run(variable, write, now):
    original = contextvars.Context.run

    @functools.wraps(original)
    def run(self, callable, /, *args, **kwargs):
        write(self.get(variable))
        try:
            return original(self, callable, *args, **kwargs)
        finally:
            # Not what was shown before: the context around is known only where we see when it is left.
            now()

    # The class is closed, but what it consists of is a dictionary.
    (members,) = gc.get_referents(contextvars.Context.__dict__)
    members["run"] = run
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(contextvars.Context))


def _follow_eager_tasks(now):
    """Their first step runs at once, while they are created, in a context that is entered in C."""
    original = asyncio.BaseEventLoop.create_task

    @functools.wraps(original)
    def create_task(self, coroutine, **options):
        try:
            return original(self, coroutine, **options)
        finally:
            now()

    asyncio.BaseEventLoop.create_task = create_task


def _follow_uvloop(now, write):
    """The contexts of its callbacks are entered in C. The steps of its tasks are followed; of what else runs in such a loop, and in those of
    yet other makers, nothing is known."""

    def is_foreign(loop):
        return loop is not None and not isinstance(loop, asyncio.BaseEventLoop)

    def change_uvloop():
        loops = getattr(sys.modules.get("uvloop"), "Loop", None)
        if loops is None or hasattr(loops.create_task, "__wrapped__"):
            return
        create, run = loops.create_task, loops.run_forever

        @functools.wraps(create)
        def create_task(self, coroutine, **options):
            steps = _Steps(now, write, coroutine) if asyncio.iscoroutine(coroutine) else coroutine
            return create(self, steps, **options)

        @functools.wraps(run)
        def run_forever(self):
            _thread.foreign_loop = True
            try:
                return run(self)
            finally:
                _thread.foreign_loop = False

        loops.create_task, loops.run_forever = create_task, run_forever

    change_uvloop()
    # It may run already. (To ask each time would be a system call each time, before CPython 3.12.)
    _thread.foreign_loop = is_foreign(asyncio._get_running_loop())
    original = asyncio._set_running_loop

    def set_running_loop(loop):
        original(loop)
        change_uvloop()
        _thread.foreign_loop = is_foreign(loop)

    # Loops of other makers call this when they begin and end, and take it from here when they are imported.
    asyncio._set_running_loop = set_running_loop


class _Steps(collections.abc.Coroutine):
    """A coroutine each step of which is followed."""

    def __init__(self, now, write, coroutine):
        self._now, self._write, self._coroutine = now, write, coroutine

    def __getattr__(self, name):
        # cr_frame and its kin, for those who look at tasks.
        return getattr(self._coroutine, name)

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    def send(self, value):
        return self._step(self._coroutine.send, value)

    def throw(self, *error):
        return self._step(self._coroutine.throw, *error)

    def close(self):
        return self._coroutine.close()

    def _step(self, step, *values):
        _thread.in_step = True
        self._now()
        try:
            return step(*values)
        finally:
            _thread.in_step = False
            self._write(None)


def _follow_greenlets(now):
    """Each has a context of its own, and C code that switches between them (gevent, eventlet)."""
    if _thread.follows_greenlets or "greenlet" not in sys.modules:
        return
    settrace = getattr(sys.modules["greenlet"], "settrace", None)
    if settrace is None:
        return
    _thread.follows_greenlets = True

    def switched(event, ends):
        if before is not None:
            before(event, ends)
        now()

    before = settrace(switched)
