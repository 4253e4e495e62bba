#!/usr/bin/env python3
"""Compares what strace and Renacer saw of the same programs in a virtual machine.

    compare.py CONSOLE...    each the console of a machine that ran guest.sh

Per program: as many calls of each name in strace's log, in Renacer's lines and in Renacer's spans; the same calls in the same order in
each thread, with the same arguments and results, and the same signals and ends, but for ids, addresses and what chance decides (VARYING); and
the spans say what the lines say. Prints a table, and each difference; fails if there is one.
"""

import base64
import collections
import io
import json
import re
import sys
import tarfile

PROGRAMS = "threads forks signals files sockets".split()

# Texts that are another in every run: program, call, which argument (None: the result), why.
VARYING = [
    ("*", "getrandom", 0, "random bytes"),
    ("threads", "futex", None, "whether the thread had ended before the wait for its end"),
    ("signals", "read", 1, "a signalfd tells the sender's process id"),
]

# The most differences of a program that are printed.
SHOWN = 20


class Fault(Exception):
    """What there is to compare is not whole."""


def results(path):
    """File name -> bytes, from the console of a machine."""
    with open(path, "rb") as console:
        text = console.read()
    match = re.search(rb"^.*==== results\n(.*?)^==== end$", text, re.S | re.M)
    if not match:
        raise Fault(f"{path}: the machine did not come to its end")
    archive = tarfile.open(fileobj=io.BytesIO(base64.b64decode(match[1])))
    return {member.name.removeprefix("./"): archive.extractfile(member).read() for member in archive if member.isfile()}


Call = collections.namedtuple("Call", "name arguments result")


def parse_call(text):
    """`name(arguments) = result`; a call that never returned has the result `?`."""
    name, _, rest = text.partition("(")
    depth, quoted, at = 1, False, 0
    while at < len(rest):
        byte = rest[at]
        if quoted:
            at += byte == "\\"
            quoted = byte != '"'
        elif byte == '"':
            quoted = True
        elif byte in "([{":
            depth += 1
        elif byte in ")]}":
            depth -= 1
            if depth == 0:
                break
        at += 1
    result = rest[at + 1 :].strip().removeprefix("= ")
    return Call(name, rest[:at], result or "?")


def split(arguments):
    """The arguments, separated at their commas outside brackets and quotes."""
    parts, depth, quoted, start, at = [], 0, False, 0, 0
    while at < len(arguments):
        byte = arguments[at]
        if quoted:
            at += byte == "\\"
            quoted = byte != '"'
        elif byte == '"':
            quoted = True
        elif byte in "([{":
            depth += 1
        elif byte in ")]}":
            depth -= 1
        elif byte == "," and depth == 0:
            parts.append(arguments[start:at].strip())
            start = at + 1
        at += 1
    return parts + [arguments[start:].strip()]


class Log:
    """The lines of `strace -f -o`, and Renacer's own in the same form: per thread its calls, and its signals and end."""

    def __init__(self, data):
        self.calls, self.rest, self.order = collections.defaultdict(list), collections.defaultdict(list), []
        unfinished = {}
        for line in data.decode("utf-8", "replace").splitlines():
            tid, _, text = line.partition(" ")
            tid, text = int(tid), text.strip()
            if tid not in self.order:
                self.order.append(tid)
            if text.startswith(("+++ ", "--- ")):
                self.rest[tid].append(text)
            elif match := re.match(r"<\.\.\. \w+ resumed>(.*)", text):
                index, head = unfinished.pop(tid)
                self.calls[tid][index] = parse_call(head + match[1])
            elif text.endswith(" <unfinished ...>"):
                head = text.removesuffix(" <unfinished ...>")
                unfinished[tid] = len(self.calls[tid]), head
                self.calls[tid].append(Call(head.partition("(")[0], head.partition("(")[2], "?"))
            else:
                self.calls[tid].append(parse_call(re.sub(r" <unfinished \.\.\.>\) += \?$", ") = ?", text)))
        # A thread's name: how it came into being, from the first thread on. Names do not depend on ids.
        self.origin = {}
        self._descend("0", self.order[0])
        if len(self.origin) != len(self.order):
            raise Fault(f"threads {sorted(set(self.order) - set(self.origin))} were created by nobody")
        self.names = {str(tid): name for tid, name in self.origin.items()}
        self.tids = {name: tid for tid, name in self.origin.items()}
        # The only other process that is ever named is the first one's parent.
        for call in (call for calls in self.calls.values() for call in calls):
            if call.name == "getppid":
                self.names.setdefault(call.result, "tracer")

    def _descend(self, name, tid):
        self.origin[tid] = name
        created = [c for c in self.calls[tid] if c.name in ("fork", "vfork", "clone", "clone3") and c.result.isdigit()]
        for index, call in enumerate(created):
            if int(call.result) in self.order:
                self._descend(f"{name}.{index}", int(call.result))

    def counts(self):
        return collections.Counter(call.name for calls in self.calls.values() for call in calls)


def region(token):
    """Where an address points: the program with its heap, or libraries and stack; None if it is no address of ours."""
    if not re.fullmatch(r"0x[0-9a-f]+", token):
        return None
    number = int(token, 16)
    for name, low, high in (
        ("program", 0x10000, 0x7FFFFFFF),
        ("program", 0x550000000000, 0x56FFFFFFFFFF),
        ("program", 0xAAAA00000000, 0xAAABFFFFFFFF),
        ("stack", 0x7E0000000000, 0x7FFFFFFFEFFF),
        ("stack", 0xFFFE00000000, 0xFFFFFFFFFFFF),
    ):
        if low <= number <= high:
            return name
    return None


def same(left, left_log, right, right_log):
    """Whether two texts of two runs say the same."""
    tokens = re.compile(r'"(?:\\.|[^"\\])*"|\w+|\s+|.')
    a, b = tokens.findall(left), tokens.findall(right)
    return len(a) == len(b) and all(
        x == y
        or (x in left_log.names and left_log.names[x] == right_log.names.get(y))
        or (region(x) is not None and region(x) == region(y))
        for x, y in zip(a, b)
    )


def same_call(program, left, left_log, right, right_log):
    def varies(argument):
        return any(p in ("*", program) and name == left.name and which == argument for p, name, which, _ in VARYING)

    a, b = split(left.arguments), split(right.arguments)
    return (
        left.name == right.name
        and len(a) == len(b)
        and all(varies(i) or same(x, left_log, y, right_log) for i, (x, y) in enumerate(zip(a, b)))
        and (varies(None) or same(left.result, left_log, right.result, right_log))
    )


def same_rest(left, left_log, right, right_log):
    # The times that a child used.
    left, right = (re.sub(r"si_([us])time=\d+( /\* .*? \*/)?", r"si_\1time=N", text) for text in (left, right))
    return same(left, left_log, right, right_log)


def spans(data):
    """Thread id -> its call spans in order."""
    threads = collections.defaultdict(list)
    for line in data.decode().splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for span in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
                attributes = {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}
                if "syscall.number" in attributes:
                    start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
                    if end <= start:
                        raise Fault(f"{span['name']} ends before it starts")
                    threads[int(attributes["linux.tid"])].append((start, end, span["name"], attributes))
    for calls in threads.values():
        calls.sort(key=lambda call: call[0])
    return threads


def same_number(digits, sign, result):
    """Whether a rendered number (hexadecimal, octal, decimal) is this one; addresses are beyond the sign."""
    base = 16 if digits.startswith("0x") else 8 if digits.startswith("0") else 10
    return (int(digits, base) * (-1 if sign else 1) - result) % (1 << 64) == 0


def compare_spans(log, threads, say):
    """The spans of a run say what its lines say."""
    compared = 0
    for tid, lines in log.calls.items():
        found = threads.get(tid, [])
        if len(found) != len(lines):
            say(f"thread {log.origin[tid]}: {len(lines)} lines but {len(found)} spans")
            continue
        before = 0
        for call, (start, end, name, attributes) in zip(lines, found):
            compared += 1
            texts = [value for key, value in attributes.items() if key.startswith("syscall.arg.")]
            arguments = split(call.arguments) if call.arguments else []
            if name == "clone":
                arguments = [argument.partition("=")[2] for argument in arguments]
            number = re.match(r"(-?)(0x[0-9a-f]+|\d+)", call.result)
            result = attributes.get("syscall.result")
            # An error's number is in the span, its name in both.
            failed = re.match(r"(?:-1|\?) (E\w+)", call.result)
            if failed:
                agrees = int(result) < 0 and ("ERESTART" in failed[1] or attributes.get("error.type", failed[1]) == failed[1])
            else:
                agrees = result is None if call.result == "?" else number and same_number(number[2], number[1], int(result))
            if name != call.name or texts != arguments or not agrees:
                say(f"thread {log.origin[tid]}: line {call} but span {name} {texts} {result}")
            if start + 1 < before:
                say(f"thread {log.origin[tid]}: {name} starts before the call before it ends")
            before = end
    return compared


def compare(program, files, say):
    """The number of calls compared, and of signals and ends."""
    expected, found = Log(files[program + ".strace"]), Log(files[program + ".renacer"])
    threads = spans(files[program + ".otlp.jsonl"])
    counts, counted = expected.counts(), collections.Counter(call[2] for calls in threads.values() for call in calls)
    for name in sorted(set(counts) | set(found.counts()) | set(counted)):
        numbers = counts[name], found.counts()[name], counted[name]
        if len(set(numbers)) != 1:
            say("{}: strace {}, lines {}, spans {}".format(name, *numbers))
    for origin in sorted(set(expected.tids) ^ set(found.tids)):
        say(f"thread {origin} is in one log only")
    calls = others = 0
    for origin in sorted(set(expected.tids) & set(found.tids)):
        left, right = expected.tids[origin], found.tids[origin]
        # A difference in number has been told above, and by name.
        for a, b in zip(expected.calls[left], found.calls[right]):
            calls += 1
            if not same_call(program, a, expected, b, found):
                say("thread {}\n      strace  {}({}) = {}\n      renacer {}({}) = {}".format(origin, *a, *b))
        if len(expected.rest[left]) != len(found.rest[right]):
            say(f"thread {origin}: signals {expected.rest[left]} but {found.rest[right]}")
        for a, b in zip(expected.rest[left], found.rest[right]):
            others += 1
            if not same_rest(a, expected, b, found):
                say(f"thread {origin}\n      strace  {a}\n      renacer {b}")
    if compare_spans(found, threads, say) < 30:
        say("fewer than 30 calls: the program did not do its work")
    return len(counts), calls, len(expected.order), others


# Changes that must be seen: file of the program `files`, what is replaced in it, and by what.
CHANGES = [
    ("renacer", rb"SEEK_END", b"SEEK_SET"),
    ("renacer", rb"= 52\n", b"= 51\n"),
    ("renacer", rb"\d+ +mkdir(at)?\(.*\n", b""),
    ("renacer", rb"mkdir", b"rmdir"),
    ("renacer", rb"exited with 0", b"exited with 1"),
    ("strace", rb"ENOTEMPTY", b"EEXIST"),
    ("otlp.jsonl", rb'"SEEK_END"', b'"SEEK_SET"'),
    ("otlp.jsonl", rb'"name":"mkdir', b'"name":"rmdir'),
    ("otlp.jsonl", rb'"key":"syscall.number"', rb'"key":"syscall.other"'),
]


def overlooked(files):
    """The changes that the comparison does not see."""
    missed = []
    for file, pattern, replacement in CHANGES:
        name, seen = f"files.{file}", []
        changed = re.sub(pattern, replacement, files[name], count=1)
        assert changed != files[name], f"nothing to change: {pattern}"
        compare("files", {**files, name: changed}, seen.append)
        if not seen:
            missed.append(f"{file}: {pattern.decode()} -> {replacement.decode()}")
    return missed


def main():
    different = 0
    for path in sys.argv[1:]:
        try:
            files = results(path)
        except (Fault, OSError, ValueError) as fault:
            print(f"{fault}")
            different += 1
            continue
        print(f"kernel {files['kernel'].decode().strip()}")
        for program in PROGRAMS:
            faults = []
            try:
                names, calls, threads, others = compare(program, files, faults.append)
                print(f"  {program:8} {calls:5} calls of {names:2} names by {threads:2} threads, {others:2} signals and ends", end=": ")
            except (Fault, KeyError, ValueError) as fault:
                faults.append(f"cannot be compared: {fault!r}")
                print(f"  {program:8}", end=" ")
            print("equal" if not faults else f"{len(faults)} differences")
            for fault in faults[:SHOWN]:
                print(f"    {fault}")
            if len(faults) > SHOWN:
                print(f"    ... and {len(faults) - SHOWN} more")
            different += len(faults)
        for change in overlooked(files) if not different else []:
            print(f"  the comparison overlooks a change: {change}")
            different += 1
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
