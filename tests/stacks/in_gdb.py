"""Run by gdb: the stack at the entry of each system call whose path is a mark (`T|file|line|function`), as JSON lines.

The environment names the output (STACKS_OUT). Children are not followed.
"""

import json
import os

import gdb

CALLS = "access open openat stat lstat newfstatat statfs readlink unlink chmod truncate rename chdir execve statx faccessat faccessat2 unlinkat mkdir mkdirat readlinkat"
ENOSYS = 38
EVERYTHING = (1 << 64) - 1
# Calls of x86-64 whose path is the second argument: openat mkdirat newfstatat unlinkat readlinkat faccessat statx faccessat2.
SECOND = {257, 258, 262, 263, 267, 269, 332, 439}


def segments():
    """What is mapped: (start, end, offset, path)."""
    found = []
    with open(f"/proc/{gdb.selected_inferior().pid}/maps") as maps:
        for line in maps:
            parts = line.rstrip("\n").split(maxsplit=5)
            start, end = (int(part, 16) for part in parts[0].split("-"))
            found.append((start, end, int(parts[2], 16), parts[5] if len(parts) > 5 else ""))
    return found


class Places:
    """Addresses as (path, offset in the file)."""

    def __init__(self):
        self.known = []

    def place(self, address):
        for fresh in (False, True):
            if fresh:
                self.known = segments()
            for start, end, offset, path in self.known:
                if start <= address < end:
                    return path, address - start + offset
        return "", address


def mark():
    """The call's path, if it is a mark."""
    frame = gdb.newest_frame()
    memory = gdb.selected_inferior()
    register = "rsi" if int(frame.read_register("orig_rax")) in SECOND else "rdi"
    address = int(frame.read_register(register)) & EVERYTHING
    path = b""
    try:
        while b"\0" not in path:
            # Up to the end of a page: the next one may not be there.
            path += bytes(memory.read_memory(address + len(path), 4096 - (address + len(path)) % 4096))
    except gdb.error:
        return None
    path = path[: path.index(b"\0")]
    return path.decode() if path.startswith(b"T|") else None


def frames(places):
    """All frames, innermost first."""
    found = []
    frame = gdb.newest_frame()
    while frame is not None and len(found) < 1500:
        kind = {gdb.INLINE_FRAME: "inlined", gdb.TAILCALL_FRAME: "tail call"}.get(frame.type(), "normal")
        sal = frame.find_sal()
        file = sal.symtab.fullname() if sal.symtab else None
        path, offset = places.place(frame.pc())
        found.append({"kind": kind, "module": path, "offset": offset, "function": frame.name(), "file": file, "line": sal.line})
        try:
            frame = frame.older()
        except gdb.error:
            break
    return found


def main():
    for setting in (
        "pagination off",
        "confirm off",
        "backtrace past-main on",
        "backtrace limit 1500",
        "follow-fork-mode parent",
        "detach-on-fork on",
        "print thread-events off",
        "print inferior-events off",
        "startup-with-shell off",
    ):
        gdb.execute(f"set {setting}")
    gdb.execute("handle all nostop noprint pass", to_string=True)
    gdb.execute(f"catch syscall {CALLS}", to_string=True)
    places = Places()
    with open(os.environ["STACKS_OUT"], "w") as out:
        gdb.execute("run", to_string=True)
        while gdb.selected_inferior().pid:
            try:
                enters = int(gdb.newest_frame().read_register("rax")) & EVERYTHING == -ENOSYS & EVERYTHING
            except gdb.error:
                # The thread ended meanwhile.
                enters = False
            marked = mark() if enters else None
            if marked is not None:
                out.write(json.dumps({"mark": marked, "frames": frames(places)}) + "\n")
            gdb.execute("continue", to_string=True)


main()
