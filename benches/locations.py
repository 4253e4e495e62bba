#!/usr/bin/env python3
"""Measures what source locations cost: in time per call, at a large program's first call, and in memory.

usage: benches/locations.py [calls|first|memory]... [--renacer FILE] [--rounds N]

calls   A program 25 functions deep that makes 100,000 calls: Renacer with --no-source, as it is by default, and with -k; and
        strace without and with -k, which gets fewer calls as it takes milliseconds for each. Interleaved; medians per call.
first   How long the first call of a program of 46 MB takes, as that program sees it: default against
        --no-source.
memory  The most anonymous memory during a run of a program of 800 MB that makes a call from each of
        its 800 units.
Builds what it needs in a temporary folder. Compare ratios and differences of one run, on a quiet machine.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]

DEEP = r"""
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static volatile long made;
__attribute__((noinline)) static void bottom(long count) { for (long n = 0; n < count; n++) made += syscall(SYS_getppid); }
#define LEVEL(name, next) __attribute__((noinline)) static void name(long count) { next(count); made++; }
LEVEL(a1, bottom) LEVEL(a2, a1) LEVEL(a3, a2) LEVEL(a4, a3) LEVEL(a5, a4) LEVEL(a6, a5) LEVEL(a7, a6) LEVEL(a8, a7)
LEVEL(b1, a8) LEVEL(b2, b1) LEVEL(b3, b2) LEVEL(b4, b3) LEVEL(b5, b4) LEVEL(b6, b5) LEVEL(b7, b6) LEVEL(b8, b7)
LEVEL(c1, b8) LEVEL(c2, c1) LEVEL(c3, c2) LEVEL(c4, c3) LEVEL(c5, c4)
int main(int count, char **words) { (void)count; c5(atol(words[1])); return 0; }
"""

# A unit of about 1 MB, most of it debug information, when compiled with -O1 -g.
UNIT_HEAD = "#include <unistd.h>\n#include <fcntl.h>\nextern volatile int made;\n"
UNIT_TYPE = """struct s{n} {{ int a{n}; struct s{n} *next; union {{ long b{n}; double c{n}; char d{n}[{n} + 1]; }} u; int (*f{n})(struct s{n} *, int); }};
static inline int g{n}(struct s{n} *s, int x) {{ int y = s->a{n} + x; if (y > {n}) s->u.b{n} += y; return y * {n}; }}
static __attribute__((noinline)) int h{n}(struct s{n} *s, int x) {{ int z = 0; for (int i = 0; i < x; i++) {{ int q = g{n}(s, i); z += q; }} made += access("h{n}", F_OK); return z + g{n}(s, x); }}
"""
UNIT_FOOT = "int unit(int n) {{ int sum = 0;\n{calls}\n return sum + made; }}\n"
UNIT_CALL = " {{ struct s{n} s = {{0}}; if (n == {n}) sum += h{n}(&s, n); }}\n"
FUNCTIONS = 680

LARGE = """
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
volatile int made;
{declarations}
static long now(void) {{ struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000L + t.tv_nsec; }}
int main(int count, char **words) {{
    (void)words;
    long start = now();
    made += access("first", F_OK);
    long end = now();
    if (count > 1) {{
{calls}
    }}
    printf("%ld\\n", end - start);
    return 0;
}}
"""


def run(command, **options):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def build_deep(folder):
    (folder / "deep.c").write_text(DEEP)
    run(["cc", "-O2", "-g", "-fno-optimize-sibling-calls", "-o", folder / "deep", folder / "deep.c"])
    return folder / "deep"


def build_large(folder, units):
    """A program of so many units of about 1 MB each: one that is compiled, under different names."""
    program = folder / f"large{units}"
    if not (folder / "unit.o").exists():
        types = "".join(UNIT_TYPE.format(n=n) for n in range(FUNCTIONS))
        calls = "".join(UNIT_CALL.format(n=n) for n in range(FUNCTIONS))
        (folder / "unit.c").write_text(UNIT_HEAD + types + UNIT_FOOT.format(calls=calls))
        run(["cc", "-O1", "-g", "-c", "-o", folder / "unit.o", folder / "unit.c"])
    objects = []
    for number in range(units):
        objects.append(folder / f"unit{number}.o")
        if not objects[-1].exists():
            run(["objcopy", f"--redefine-sym=unit=unit{number}", folder / "unit.o", objects[-1]])
    declarations = "\n".join(f"int unit{number}(int);" for number in range(units))
    calls = "\n".join(f"        made += unit{number}({number % FUNCTIONS});" for number in range(units))
    (folder / "main.c").write_text(LARGE.format(declarations=declarations, calls=calls))
    run(["cc", "-O1", "-g", "-o", program, folder / "main.c", *objects])
    return program


def timed(command):
    """Seconds that passed, and seconds for which the tracing thread computed, which tell more on a busy machine."""
    start = time.perf_counter()
    child = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
    computed = 0
    while child.poll() is None:
        try:
            computed = int(pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/schedstat").read_text().split()[0])
        except (OSError, IndexError):
            pass
        time.sleep(0.002)
    passed = time.perf_counter() - start
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return passed, computed / 1e9


def calls(renacer, folder, rounds):
    program = build_deep(folder)
    many, few = 100_000, 1_000
    spans = folder / "spans.otlp.jsonl"
    ours = [renacer, "trace", "--quiet", "--force", "-o", spans]
    tracers = {
        "renacer --no-source": ([*ours, "--no-source", "--", program, many], many),
        "renacer": ([*ours, "--", program, many], many),
        "renacer -k": ([*ours, "-k", "--", program, many], many),
    }
    if shutil.which("strace"):
        tracers["strace"] = (["strace", "-o", folder / "strace", program, few], few)
        tracers["strace -k"] = (["strace", "-k", "-o", folder / "strace", program, few], few)
    times = {name: [] for name in tracers}
    for _ in range(rounds):
        for name, (command, _) in tracers.items():
            times[name].append(timed(command))
    print(f"medians of {rounds} rounds, depth 25, in µs per call: passed (least, most), and computed by the tracing thread")
    passed, computed = {}, {}
    for name, values in times.items():
        per_call = sorted(value / tracers[name][1] * 1e6 for value, _ in values)
        passed[name] = statistics.median(per_call)
        computed[name] = statistics.median(value for _, value in values) / tracers[name][1] * 1e6
        print(f"  {name:20} {passed[name]:10.2f} ({per_call[0]:.2f}, {per_call[-1]:.2f})   {computed[name]:10.2f}")
    for what, measured in {"passed": passed, "computed": computed}.items():
        base = measured["renacer --no-source"]
        locations, stacks = measured["renacer"] - base, measured["renacer -k"] - base
        line = f"added, time {what}: by locations {locations:.2f} µs, by whole stacks {stacks:.2f} µs"
        if "strace -k" in measured:
            theirs = measured["strace -k"] - measured["strace"]
            line += f"; by strace -k {theirs:.0f} µs, of which these are {locations / theirs:.2%} and {stacks / theirs:.2%}"
        print(line)


def first(renacer, folder, rounds):
    program = build_large(folder, 46)
    print(f"first call of a program of {program.stat().st_size / 1e6:.0f} MB")
    taken = {"--no-source": [], "default": [], "-k": []}
    spans = folder / "spans.otlp.jsonl"
    for _ in range(rounds * 3):
        for name, values in taken.items():
            option = [] if name == "default" else [name]
            out = run([renacer, "trace", "--quiet", "--force", "-o", spans, *option, "--", program])
            values.append(int(out) / 1e6)
    for name, values in taken.items():
        print(f"  {name:12} {statistics.median(values):8.3f} ms   (largest {max(values):.3f})")
    print(f"delayed by {statistics.median(taken['default']) - statistics.median(taken['--no-source']):.3f} ms")


def memory(renacer, folder, _):
    program = build_large(folder, 800)
    print(f"program of {program.stat().st_size / 1e6:.0f} MB, a call from each of 800 units")
    for name, options in {"--no-source": ["--no-source"], "default": [], "-k": ["-k"]}.items():
        spans = folder / "spans.otlp.jsonl"
        start = time.perf_counter()
        command = [renacer, "trace", "--quiet", "--force", "-o", spans, *options, "--", program, "all"]
        child = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
        anonymous = resident = 0
        while child.poll() is None:
            try:
                status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{child.pid}/status").read_text().splitlines())
                anonymous = max(anonymous, int(status["RssAnon"].split()[0]))
                resident = max(resident, int(status["VmHWM"].split()[0]))
            except (OSError, KeyError):
                pass
            time.sleep(0.002)
        named = sum(line.count('"code.line.number"') for line in open(spans))
        print(
            f"  {name:12} {time.perf_counter() - start:7.2f} s, anonymous {anonymous / 1024:7.1f} MiB,"
            f" resident with files {resident / 1024:7.1f} MiB, {named} spans with a line, status {child.returncode}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["calls", "first", "memory"])
    parser.add_argument("--renacer", help="the program, instead of building a release")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    renacer = options.renacer
    if renacer is None:
        subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
        renacer = ROOT / "target/release/renacer"
    parts = {"calls": calls, "first": first, "memory": memory}
    with tempfile.TemporaryDirectory() as folder:
        for part in options.parts:
            parts[part](os.path.abspath(renacer), pathlib.Path(folder), options.rounds)


main()
