#!/usr/bin/env python3
"""Compares whole call stacks with gdb's, frame by frame, at each marked system call of the programs of tests/locations.

    tests/stacks/compare.py RENACER FOLDER [ROW]...

FOLDER has the programs that tests/locations.rs built (a folder for each row); the rows are those named, or all that gdb can
run. Both tools trace a run of their own. Compared are the stacks of each mark as (module, address) lists, and, for frames
beyond the innermost which both give a line, file and line. Fails below 99.5 % of either.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
WANTED = 0.995
# Not for gdb 13: C++ whose split units are lost (it loses the stack as well); what runs in a chroot, through another program, deleted, or for 32 bits; it has no rules for musl, for code
# without any, or from Go's own tables; it leaves C's frames between Go's out; it fails an assertion of its own at clang's
# packages of split DWARF 5. Without any symbol what must be left out here has no name.
NOT_FOR_GDB = re.compile(
    r"root|mount|memfd|deleted|musl|m32|frame-pointers-only|debuginfod|another-build|go.*stripped|with-C|clang--dwp|of-all|g----dwo-lost"
)

FRAME = re.compile(
    r"^ > (?P<module>[^(]*)\((?P<function>.*)\) \[0x(?P<address>[0-9a-f]+)\]"
    r"(?: (?P<file>(?!\(inlined\))\S.*?)(?::(?P<line>\d+))?)?(?P<inlined> \(inlined\))?$"
)
OFFSET = re.compile(r"\+0x[0-9a-f]+$")
# A loop that a timer's signal interrupts, at no instruction in particular.
ANYWHERE = "spins"


def segments_of(path, known={}):
    """(file offset, size, virtual address) of an ELF file's executable segments."""
    if path not in known:
        known[path] = []
        try:
            with open(path, "rb") as file:
                header = file.read(64)
                if header[:5] == b"\x7fELF\x02":
                    start, size, count = struct.unpack_from("<Q", header, 32)[0], *struct.unpack_from("<HH", header, 54)
                    for number in range(count):
                        file.seek(start + number * size)
                        kind, flags, offset, address, _, length = struct.unpack_from("<IIQQQQ", file.read(56))
                        if kind == 1 and flags & 1:
                            known[path].append((offset, length, address))
        except OSError:
            pass
    return known[path]


def address_in_file(path, offset):
    """The address that the file gives to what is at an offset; none if that is no code."""
    if not path.startswith("/"):
        return offset
    for start, length, address in segments_of(path):
        if start <= offset < start + length:
            return address + offset - start
    return None


def with_gdb(folder, words):
    with tempfile.TemporaryDirectory() as scratch:
        out = os.path.join(scratch, "stacks")
        gdb = ["gdb", "-nx", "-q", "--batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off"]
        run = subprocess.run(
            [*gdb, "-x", HERE / "in_gdb.py", "--args", *words],
            cwd=folder,
            env={**os.environ, "STACKS_OUT": out},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=170,
        )
        lines = pathlib.Path(out).read_text().splitlines() if os.path.exists(out) else []
        if not lines or b"exited normally" not in run.stdout:
            raise RuntimeError(f"gdb failed on {words}: {run.stdout.decode(errors='replace')[-600:]}")
    stacks = collections.defaultdict(list)
    for line in lines:
        stop = json.loads(line)
        frames, inner = [], []
        for frame in stop["frames"]:
            # gdb shows callers that left by a tail call, too.
            if frame["kind"] == "tail call":
                continue
            place = (frame["file"], frame["line"]) if frame["file"] and frame["line"] else None
            inner.append((frame["function"], place))
            if frame["kind"] != "inlined":
                module = frame["module"]
                address = address_in_file(module, frame["offset"])
                # It goes on beyond the start of a coroutine or of a goroutine, to what is no code.
                if address is None or not module:
                    break
                frames.append(((os.path.basename(module), address), tuple(inner)))
                inner = []
        stacks[stop["mark"]].append(tuple(frames))
    return definite(stacks)


def with_renacer(renacer, folder, words):
    with tempfile.TemporaryDirectory() as scratch:
        text, spans = os.path.join(scratch, "text"), os.path.join(scratch, "spans.otlp.jsonl")
        command = [renacer, "trace", "--quiet", "-k=1024", f"--text={text}", "-o", spans, "--", *words]
        subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, check=True, timeout=170)
        first = process_of_threads(spans)
        lines = pathlib.Path(text).read_text().splitlines()
    stacks = collections.defaultdict(list)
    main = lines[0].split()[0]
    current, inner, frames = None, [], []
    for line in [*lines, f"{main} end() = 0"]:
        if frame := FRAME.match(line):
            place = (frame["file"], int(frame["line"])) if frame["file"] and frame["line"] else None
            inner.append((OFFSET.sub("", frame["function"]), place))
            if not frame["inlined"]:
                module = os.path.basename(frame["module"].removesuffix(" (deleted)"))
                frames.append(((module, int(frame["address"], 16)), tuple(inner)))
                inner = []
        elif not line.startswith(" > "):
            if current is not None:
                stacks[current].append(tuple(frames))
            tid, _, call = line.partition(" ")
            marked = re.search(r'"(T\|[^"]*)"', call)
            current = marked[1] if marked and first.get(tid) == first.get(main) else None
            inner, frames = [], []
    return definite(stacks)


def definite(stacks):
    """Without those that are not the same in each run."""
    return {mark: [s for s in each if not any(inner[-1][0] == ANYWHERE for _, inner in s)] for mark, each in stacks.items()}


def process_of_threads(path):
    """Which resource, that is process, each thread's spans belong to."""
    found = {}
    for line in open(path):
        for resource in json.loads(line)["resourceSpans"]:
            instance = next(a["value"] for a in resource["resource"]["attributes"] if a["key"] == "service.instance.id")
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    for attribute in span.get("attributes", ()):
                        if attribute["key"] == "linux.tid":
                            found.setdefault(attribute["value"]["intValue"], instance["stringValue"])
    return found


class Tally:
    """What was equal, and examples of what was not."""

    def __init__(self):
        self.stacks = self.equal = self.lines = self.lines_equal = self.functions = self.functions_equal = 0
        self.examples = []

    def add(self, other):
        for name in ("stacks", "equal", "lines", "lines_equal", "functions", "functions_equal"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def plain(path):
    """A path without detours, and of a relative one what is sure."""
    return os.path.normpath(path)


def same_file(one, other):
    one, other = plain(one), plain(other)
    return one == other or one.endswith("/" + other.lstrip("./")) or other.endswith("/" + one.lstrip("./"))


def plain_function(name):
    """Without arguments and template arguments; the last component, since debuggers qualify differently."""
    if not name:
        return name
    depth, text = 0, ""
    for character in name.replace("operator<", "operator_less").replace("operator()", "operator_call").replace("->", ""):
        if character in "<({":
            depth += 1
        elif character in ">)}":
            depth -= 1
        elif depth == 0:
            text += character
    return text.split("::")[-1].split(" ")[0]


def compare(gdb, renacer):
    tally = Tally()
    for mark in sorted(gdb.keys() | renacer.keys()):
        ours, theirs = renacer.get(mark, []), gdb.get(mark, [])
        tally.stacks += max(len(ours), len(theirs))
        left = list(ours)
        unmatched = []
        for stack in theirs:
            addresses = [frame[0] for frame in stack]
            match = next((one for one in left if [frame[0] for frame in one] == addresses), None)
            if match is None:
                unmatched.append(stack)
                continue
            left.remove(match)
            tally.equal += 1
            for number, ((address, a), (_, b)) in enumerate(zip(stack, match)):
                compare_functions(tally, mark, number, address, a, b)
        for stack in unmatched or ([()] if left else []):
            tally.examples.append(f"{mark}\n      gdb     {show(stack)}\n      renacer {show(left[0]) if left else 'none left'}")
    return tally


def compare_functions(tally, mark, number, address, theirs, ours):
    """The functions that share a frame, from the outermost inwards."""
    # gdb looks the innermost frame up without the step back to the call.
    if number == 0:
        return
    for (their_name, their_place), (our_name, our_place) in zip(reversed(theirs), reversed(ours)):
        if their_place and our_place:
            tally.lines += 1
            if their_place[1] == our_place[1] and same_file(their_place[0], our_place[0]):
                tally.lines_equal += 1
            else:
                tally.examples.append(f"{mark}\n      {address[0]}+{address[1]:#x} {their_name}: gdb {their_place}, renacer {our_place}")
        if their_name and our_name:
            tally.functions += 1
            tally.functions_equal += plain_function(their_name) == plain_function(our_name)


def show(stack):
    return " ".join(f"{module}+{address:#x}({inner[-1][0]})" for (module, address), inner in stack)


def row(renacer, folder):
    words = [folder / "program"] + ([folder / "plugin.so"] if (folder / "plugin.so").exists() else [])
    words = [str(word) for word in words]
    return compare(with_gdb(folder, words), with_renacer(renacer, folder, words))


def share(part, whole):
    return part / whole if whole else 1.0


def main():
    renacer, built = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    names = sys.argv[3:] or sorted(p.name for p in built.iterdir() if (p / "complete").exists() and not NOT_FOR_GDB.search(p.name))
    total, failed = Tally(), []
    print(f"{'built':44} {'stacks':>6} {'equal':>6} {'lines':>6} {'equal':>6} {'names':>6} {'equal':>6}")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, future in [(name, pool.submit(row, renacer, built / name)) for name in names]:
            try:
                tally = future.result()
            except (RuntimeError, subprocess.SubprocessError) as error:
                print(f"{name:44} {error}")
                failed.append(name)
                continue
            total.add(tally)
            counts = (tally.stacks, tally.equal, tally.lines, tally.lines_equal, tally.functions, tally.functions_equal)
            print(f"{name:44} " + " ".join(f"{count:6}" for count in counts))
            for example in tally.examples[:6]:
                print(f"    {example}")
    stacks, lines = share(total.equal, total.stacks), share(total.lines_equal, total.lines)
    names_equal = share(total.functions_equal, total.functions)
    print(f"\nequal to gdb's: {stacks:.2%} of {total.stacks} stacks, {lines:.2%} of {total.lines} lines, {names_equal:.2%} of {total.functions} names")
    if failed or not total.stacks or stacks < WANTED or lines < WANTED:
        sys.exit(f"less than {WANTED:.1%}, or not compared: {', '.join(failed) or 'all were'}")


if __name__ == "__main__":
    main()
