"""Stops in many places. At each it prints its ids and its frames as Python knows them, then waits for a byte."""

import asyncio
import contextlib
import functools
import gc
import os
import signal
import sys
import threading


def escaped(name):
    return "".join(f"\\{ord(c) - 0xDC00:o}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in name)


# In an interpreter within another one: what the frames below are.
outer = []


def told(frame):
    fields = [os.getpid(), threading.get_native_id()]
    while frame is not None:
        fields += [frame.f_code.co_qualname, escaped(frame.f_code.co_filename), frame.f_lineno or 0]
        frame = frame.f_back
    fields += outer
    return ("\t".join(map(str, fields)) + "\n").encode()


def stop(*_):
    # One line, so that the frame's line is the same when it waits.
    os.write(1, told(sys._getframe())); os.read(0, 1)


def below(depth):
    if depth:
        below(depth - 1)
    else:
        stop()


def generator():
    stop()
    yield 1
    yield from inner_generator()


def inner_generator():
    yield 2
    stop()
    yield 3


class Initialised:
    def __init__(self, value):
        stop()
        self.value = value

    @property
    def name(self):
        return stop()

    def __del__(self):
        stop()

    def __lt__(self, other):
        stop()
        return False

    def __enter__(self):
        return stop()

    def __exit__(self, *error):
        stop()


class Derived(Initialised):
    def __init__(self):
        super().__init__(
            1,
        )


class Hot:
    def __init__(self, last):
        if last:
            stop()


def specialised():
    # Often enough for the interpreter to call functions in its own ways.
    for count in range(200):
        Hot(count == 199)


@contextlib.contextmanager
def managed():
    stop()
    yield
    stop()


def wrapped(function):
    @functools.wraps(function)
    def wrapper(*arguments):
        return function(*arguments)

    return wrapper


@wrapped
@functools.lru_cache
def decorated(argument):
    return stop() or argument


def raises():
    try:
        raise ValueError
    except ValueError:
        stop()
    finally:
        stop()


async def waits(count):
    stop()
    await asyncio.sleep(0)
    stop()
    async with asyncio.Lock():
        [stop() async for _ in ticks()]
    return count


async def ticks():
    yield 1
    await asyncio.sleep(0)
    yield 2


def größe_πδ_名前_𝒻():
    stop()


# Code objects that are made and freed at the same places, with other lines.
def made_anew():
    for count in range(12):
        source = "\n" * (count % 4) + "def made():\n" + "    \n" * (count % 3) + "    stop()\n" + "made()\n"
        scope = {"stop": stop}
        exec(compile(source, "made.py", "exec"), scope)
        del scope
        gc.collect()


def far_apart():
    exec(compile("def far():\n stop()\n" + "\n" * 100000 + " stop()\nfar()\n", "far.py", "exec"), {"stop": stop})
    exec(compile("stop(\n" + "\n" * 70 + "stop()\n)", "näme/\udcff\udc80/π.py", "exec"), {"stop": stop})


def within_another_interpreter():
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    below(1)
    for _ in range(2):
        script = f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); import stops; stops.outer = %r; stops.below(2)"
        inner = interpreters.create()
        # One line, for the same reason as above.
        interpreters.run_string(inner, script % told(sys._getframe()).decode().rstrip("\n").split("\t")[2:])
        interpreters.destroy(inner)
        stop()


def main():
    stop()
    below(3)
    below(120)
    list(generator())
    derived = Derived()
    derived.name
    del derived
    sorted([Initialised(1), Initialised(2)])
    with Initialised(3):
        stop()
    with managed():
        stop()
    specialised()
    decorated(1)
    raises()
    list(map(lambda n: stop(), range(2)))
    [stop() for _ in range(2)]
    list(stop() for _ in range(2))
    functools.reduce(lambda a, b: stop(), range(3))
    asyncio.run(waits(1))
    größe_πδ_名前_𝒻()
    made_anew()
    far_apart()
    signal.signal(signal.SIGUSR1, stop)
    os.kill(os.getpid(), signal.SIGUSR1)
    threads = [threading.Thread(target=below, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    sys.setprofile(lambda *_: None)
    below(2)
    sys.setprofile(None)
    if os.fork() == 0:
        below(1)
        os._exit(0)
    os.wait()
    within_another_interpreter()
    stop()


if __name__ == "__main__":
    main()
