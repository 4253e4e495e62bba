"""Python in many shapes; each makes system calls whose path is the place of the call (see marks.py)."""

import abc
import asyncio
import collections
import contextlib
import dataclasses
import functools
import io
import itertools
import os
import queue
import re
import signal
import threading

from marks import mark

os.stat_result  # a line of code in the module that makes no call
os.access(mark(), os.F_OK)


def plain():
    os.access(mark(), os.F_OK)
    try:
        os.stat(mark())
    except FileNotFoundError:
        os.access(mark(), os.F_OK)
    finally:
        os.access(mark(), os.R_OK)
    try:
        open(mark())
    except OSError:
        pass
    # The call's instruction belongs to the line where its expression starts.
    os.access(
        mark(-1),
        os.F_OK,
    )
    # Python code of the standard library makes this one.
    os.path.exists(mark())
    os.path.isdir(mark())


def depth(left):
    if left == 0:
        os.access(mark(), os.F_OK)
        return 0
    return depth(left - 1) + 1


def comprehensions():
    [os.access(mark(), os.F_OK) for _ in range(2)]
    {os.access(mark(), os.F_OK) for _ in range(2)}
    {n: os.access(mark(), os.F_OK) for n in range(2)}
    list(os.access(mark(), os.F_OK) for _ in range(2))
    [
        os.access(mark(), os.F_OK)
        for n in range(4)
        if n % 2 == 0
    ]


def generator():
    os.access(mark(), os.F_OK)
    sent = yield 1
    os.access(mark(), os.F_OK)
    yield sent
    yield from inner_generator()
    os.access(mark(), os.F_OK)


def inner_generator():
    try:
        yield 3
        os.access(mark(), os.F_OK)
    finally:
        os.access(mark(), os.F_OK)


def generators():
    made = generator()
    next(made)
    made.send(2)
    for _ in made:
        os.access(mark(), os.F_OK)
    list(itertools.takewhile(lambda n: n < 3, map(lambda n: os.access(mark(), os.F_OK) or n, range(5))))


async def waits(n):
    os.access(mark(), os.F_OK)
    await asyncio.sleep(0)
    os.access(mark(), os.F_OK)
    return n


class Manager:
    async def __aenter__(self):
        os.access(mark(), os.F_OK)
        return self

    async def __aexit__(self, *error):
        await asyncio.sleep(0)
        os.access(mark(), os.F_OK)


async def counts():
    for n in range(2):
        os.access(mark(), os.F_OK)
        yield n
        await asyncio.sleep(0)


async def asynchronous():
    await asyncio.gather(waits(1), waits(2))
    async with Manager():
        os.access(mark(), os.F_OK)
    async for _ in counts():
        os.access(mark(), os.F_OK)
    [os.access(mark(), os.F_OK) async for _ in counts()]
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: os.access(mark(), os.F_OK))
    await loop.run_in_executor(None, plain)


def logged(function):
    @functools.wraps(function)
    def wrapper(*arguments, **named):
        os.access(mark(), os.F_OK)
        result = function(*arguments, **named)
        os.access(mark(), os.F_OK)
        return result

    return wrapper


@logged
@logged
def decorated(a, *, b=2):
    os.access(mark(), os.F_OK)
    return a + b


@functools.lru_cache(maxsize=None)
def cached(n):
    os.access(mark(), os.F_OK)
    return 0 if n == 0 else cached(n - 1)


class Shape(abc.ABC):
    os.access(mark(), os.F_OK)

    def __init__(self, size):
        os.access(mark(), os.F_OK)
        self.size = size

    def __init_subclass__(cls):
        os.access(mark(), os.F_OK)

    @property
    def area(self):
        os.access(mark(), os.F_OK)
        return self.size**2

    @area.setter
    def area(self, value):
        os.access(mark(), os.F_OK)

    @classmethod
    def unit(cls):
        os.access(mark(), os.F_OK)
        return cls(1)

    @staticmethod
    def helper():
        os.access(mark(), os.F_OK)

    @abc.abstractmethod
    def name(self): ...

    def __lt__(self, other):
        os.access(mark(), os.F_OK)
        return self.size < other.size

    def __eq__(self, other):
        os.access(mark(), os.F_OK)
        return self.size == other.size

    def __hash__(self):
        os.access(mark(), os.F_OK)
        return hash(self.size)

    def __getattr__(self, name):
        os.access(mark(), os.F_OK)
        raise AttributeError(name)

    def __repr__(self):
        os.access(mark(), os.F_OK)
        return f"{type(self).__name__}({self.size})"

    def __iter__(self):
        os.access(mark(), os.F_OK)
        yield self.size

    def __getitem__(self, index):
        os.access(mark(), os.F_OK)
        return index

    def __call__(self):
        return os.access(mark(), os.F_OK)

    def __del__(self):
        os.access(mark(), os.F_OK)


class Square(Shape):
    class Corner:
        def visit(self):
            os.access(mark(), os.F_OK)

    def __init__(self, size):
        super().__init__(size)
        os.access(mark(), os.F_OK)

    def name(self):
        os.access(mark(), os.F_OK)
        return "square"


class Meta(type):
    def __new__(mcs, name, bases, namespace):
        os.access(mark(), os.F_OK)
        return super().__new__(mcs, name, bases, namespace)

    def __call__(cls, *arguments):
        os.access(mark(), os.F_OK)
        return super().__call__(*arguments)


class Made(metaclass=Meta):
    pass


@dataclasses.dataclass
class Data:
    n: int = dataclasses.field(default_factory=lambda: os.access(mark(), os.F_OK) or 1)

    def __post_init__(self):
        os.access(mark(), os.F_OK)


class Descriptor:
    def __get__(self, instance, owner):
        os.access(mark(), os.F_OK)
        return 1

    def __set_name__(self, owner, name):
        os.access(mark(), os.F_OK)


class Owner:
    attribute = Descriptor()


def classes():
    square = Square.unit()
    square.area = square.area
    square.helper()
    square.name()
    square()
    Square.Corner().visit()
    sorted([Square(2), square])
    max(square, Square(3))
    {square: 1}[square]
    getattr(square, "missing", None)
    repr(square)
    "{!r}".format([square])
    list(square)
    square[1]
    square == Square(1)
    Made()
    Data()
    Owner().attribute
    collections.defaultdict(lambda: os.access(mark(), os.F_OK))[1]


def key(n):
    os.access(mark(), os.F_OK)
    return -n


def through_c():
    sorted([1, 2], key=key)
    list(map(key, [1]))
    list(filter(key, [1]))
    max([1, 2], key=lambda n: os.access(mark(), os.F_OK) or n)
    functools.reduce(lambda a, b: os.access(mark(), os.F_OK) or a + b, [1, 2, 3])
    re.sub("a", lambda found: str(os.access(mark(), os.F_OK)), "aa")
    functools.partial(key, 1)()
    min([2, 1], key=functools.cmp_to_key(lambda a, b: os.access(mark(), os.F_OK) or a - b))
    any(os.access(mark(), os.F_OK) for _ in range(2))
    sum(key(n) for n in (1, 2))
    "".join(str(key(n)) for n in (1, 2))
    io.TextIOWrapper(Raw()).read()
    iter_until = iter(lambda: os.access(mark(), os.F_OK), False)
    list(iter_until)


class Raw(io.RawIOBase):
    def readable(self):
        os.access(mark(), os.F_OK)
        return True

    def readinto(self, buffer):
        os.access(mark(), os.F_OK)
        return 0


@contextlib.contextmanager
def managed():
    os.access(mark(), os.F_OK)
    try:
        yield 1
    finally:
        os.access(mark(), os.F_OK)


class Resource:
    def __enter__(self):
        os.access(mark(), os.F_OK)

    def __exit__(self, *error):
        os.access(mark(), os.F_OK)
        return True


def contexts():
    with managed(), Resource():
        os.access(mark(), os.F_OK)
        raise ValueError
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: os.access(mark(), os.F_OK))
        stack.enter_context(managed())
        os.access(mark(), os.F_OK)


def exceptions():
    try:
        raise KeyError("k")
    except (ValueError, KeyError) as error:
        os.access(mark(), os.F_OK)
        try:
            raise RuntimeError from error
        except* RuntimeError:
            os.access(mark(), os.F_OK)
    else:
        os.access("no mark: not reached", os.F_OK)
    finally:
        os.access(mark(), os.F_OK)
    while True:
        try:
            break
        finally:
            os.access(mark(), os.F_OK)


def matching(value):
    match value:
        case {"kind": "a", **rest} if os.access(mark(), os.F_OK) is False:
            os.access(mark(), os.F_OK)
        case [first, *_]:
            os.access(mark(), os.F_OK)
        case _:
            os.access(mark(), os.F_OK)


def expressions():
    a = 1 if os.access(mark(), os.F_OK) else 2
    b = os.access(mark(), os.F_OK) or os.access(mark(), os.R_OK)
    if (c := os.access(mark(), os.F_OK)) or a:
        f"{os.access(mark(), os.F_OK)} {b} {c}"
    assert not os.access(mark(), os.F_OK)
    while os.access(mark(), os.F_OK):
        pass
    total = (
        a
        + os.access(mark(), os.F_OK)
        + b
    )
    return total, [
        os.access(mark(), os.F_OK),
        os.access(mark(), os.R_OK),
    ]


def default(value=os.access(mark(), os.F_OK)):
    def nested():
        nonlocal value

        def innermost():
            os.access(mark(), os.F_OK)

        innermost()
        os.access(mark(), os.F_OK)
        value = 1

    nested()
    (lambda: os.access(mark(), os.F_OK))()
    return value


def executed():
    text = "import os\nfrom marks import mark\n\ndef inside():\n    os.access(mark(), os.F_OK)\n\ninside()\nos.access(mark(), os.F_OK)\n"
    exec(compile(text, os.path.join(os.path.dirname(os.path.abspath(__file__)), "generated.py"), "exec"), {})
    exec(text, {})
    eval("os.access(mark(), os.F_OK)")


# fmt: off
def one_line(): return os.access(mark(), os.F_OK)








































































































































def far_below(): os.access(mark(), os.F_OK); os.access(mark(), os.R_OK)


def long():
    os.access(mark(), os.F_OK)
    # A table of lines with steps larger than fit one byte.




































































































































    os.access(mark(), os.F_OK)
    big = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, big_index()]; os.access(mark(), os.F_OK)
    return big
# fmt: on


def big_index():
    x = 0
    for n in range(3):
        x += n
        os.access(mark(), os.F_OK)
        x = x * 2 if x else x
    os.access(mark(), os.F_OK)
    return x


def hot():
    """Long enough to be specialised, and in newer interpreters perhaps compiled."""
    for n in range(3000):
        warm(n)
    os.access(mark(), os.F_OK)


def warm(n):
    if n % 300 == 299:
        os.access(mark(), os.F_OK)
    return n


def handler(number, frame):
    os.access(mark(), os.F_OK)


def signals():
    signal.signal(signal.SIGUSR1, handler)
    signal.raise_signal(signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR1)
    os.access(mark(), os.F_OK)


def worker(jobs):
    os.access(mark(), os.F_OK)
    while (job := jobs.get()) is not None:
        job()
    os.access(mark(), os.F_OK)


class Thread(threading.Thread):
    def run(self):
        os.access(mark(), os.F_OK)
        depth(3)


def threads():
    jobs = queue.Queue()
    started = [threading.Thread(target=worker, args=(jobs,)) for _ in range(3)]
    started.append(Thread())
    for thread in started:
        thread.start()
    for job in (plain, classes, generators, lambda: os.access(mark(), os.F_OK), None, None, None):
        jobs.put(job)
    for thread in started:
        thread.join()


def forked():
    child = os.fork()
    if child == 0:
        os.access(mark(), os.F_OK)
        depth(5)
        os._exit(0)
    os.waitpid(child, 0)
    os.access(mark(), os.F_OK)


def main():
    plain()
    depth(0)
    depth(30)
    depth(200)
    comprehensions()
    generators()
    forked()
    asyncio.run(asynchronous())
    decorated(1, b=3)
    cached(3)
    classes()
    through_c()
    contexts()
    exceptions()
    matching({"kind": "a", "size": 1})
    matching([1, 2])
    matching(None)
    expressions()
    default()
    executed()
    one_line()
    far_below()
    long()
    hot()
    signals()
    threads()
    # The interpreter's own frame of the script makes this one.
    os.access(mark(), os.F_OK)


if __name__ == "__main__":
    main()
