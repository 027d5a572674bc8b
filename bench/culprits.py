#!/usr/bin/env python3
"""What finding the culprits costs, beside reading the scheduler trace that it is about.

usage: culprits.py [--events N] [--rounds N] [--hiddenq PATH] [--tracegen DIR] [--folder DIR]

A generated host's `perf sched script` text, repeated in time until it has that many lines, and an eighth of it; alone,
and beside the block traces of the host and its guest, whose I/Os are laid over it. Prints CPU time and the largest
resident set of `ingest` and of `correlate`.

Exit status: 0 all right; 1 memory of `correlate` follows the length of the scheduler trace, or over all events it takes
more CPU time than reading the text so many times.
"""
import argparse
import multiprocessing
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

# From an eighth of the events to all of them the largest resident set may grow by this factor, and by SQLite's page
# cache, which a short trace does not fill, MiB.
MOST_GROWTH = 1.1
PAGE_CACHE = 10
MOST_RATIO = 3
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# `   CPU 1/KVM  4004 [000] 812345.677283: sched:...`
STAMP = re.compile(rb"(\] )(\d+)\.(\d{6})(: )")


def repeat(source, target, count):
    """Writes the source's lines `count` times, each copy later in time and longer by a thousandth than the one
    before: where all were alike, a block trace would fit any of them. Returns how many lines that is."""
    lines = open(source, "rb").read().splitlines(keepends=True)
    parts = [STAMP.split(line, 1) for line in lines if STAMP.search(line)]
    times = [int(part[2]) * 1_000_000 + int(part[3]) for part in parts]
    start = min(times)
    at = start
    with open(target, "wb") as out:
        for copy in range(count):
            moments = [at + (time - start) * (1000 + copy) // 1000 for time in times]
            out.write(b"".join(
                b"%s] %d.%06d: %s" % (part[0], moment // 1_000_000, moment % 1_000_000, part[5])
                for part, moment in zip(parts, moments)))
            at = max(moments) + 2_000_000
    return count * len(parts)


def run(*command):
    """CPU seconds and the largest resident set of a command, in MiB."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        sys.exit("culprits: %s: %s" % (" ".join(command[:3]), errors.decode()[-500:]))
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build/release/hiddenq"))
    parser.add_argument("--tracegen", default=os.path.join(ROOT, "../shared/tracegen"))
    parser.add_argument("--folder")
    options = parser.parse_args()
    generator = os.path.join(options.tracegen, "tracegen.py")
    if not os.path.exists(generator):
        print("culprits: no tracegen in %s: nothing was measured" % options.tracegen)
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        scenario = os.path.join(folder, "scenario")
        subprocess.run([sys.executable, generator, "noisy-cpu", scenario, "--seed", "5", "--no-verify"], check=True,
                       stdout=subprocess.DEVNULL)
        source = os.path.join(scenario, "host/perf-sched.txt")
        lines = sum(1 for _ in open(source, "rb"))
        print("| lines | beside | ingest, s CPU | MiB | correlate, s CPU | MiB | correlate / ingest |")
        print("|---:|---|---:|---:|---:|---:|---:|")
        failed = False
        for beside in ("nothing", "block traces"):
            before = None
            for part in (8, 1):
                memory, ratio = measure(options, scenario, source, folder, beside,
                                        max(1, round(options.events / part / lines)))
                if before is not None and memory > MOST_GROWTH * before + PAGE_CACHE:
                    print("memory follows the length: %.0f MiB, %.0f MiB for an eighth" % (memory, before))
                    failed = True
                before = memory
                # What the block traces cost by themselves is in it, too, and weighs on a short trace.
                if part == 1 and ratio > MOST_RATIO:
                    print("correlate takes %.1f times what ingest takes" % ratio)
                    failed = True
    return 1 if failed else 0


def measure(options, scenario, source, folder, beside, copies):
    """Prints a row; the resident set of `correlate` in MiB, and its CPU time by that of `ingest`."""
    capture = os.path.join(folder, "capture")
    host = os.path.join(capture, "host")
    os.makedirs(host)
    for name in ("threads.txt", "lscpu.txt", "qmp-cpus-vm1.json", "qmp-iothreads-vm1.json"):
        shutil.copy(os.path.join(scenario, "host", name), host)
    if beside == "block traces":
        shutil.copy(os.path.join(scenario, "host/blkparse.txt"), host)
        os.mkdir(os.path.join(capture, "guest-vm1"))
        for name in ("blkparse.txt", "vmstat.txt"):
            shutil.copy(os.path.join(scenario, "guest-vm1", name), os.path.join(capture, "guest-vm1"))
    # In a process of its own: a child's largest resident set begins at that of the process that started it.
    with multiprocessing.Pool(1) as pool:
        count = pool.apply(repeat, (source, os.path.join(host, "perf-sched.txt"), copies))
    rounds = []
    for _ in range(options.rounds):
        incident = os.path.join(folder, "incident.db")
        if os.path.exists(incident):
            os.remove(incident)
        read = run(options.hiddenq, "ingest", incident, capture)
        found = run(options.hiddenq, "correlate", incident)
        rounds.append((read, found))
    shutil.rmtree(capture)
    middle = lambda side, what: statistics.median(r[side][what] for r in rounds)
    ratio = statistics.median(r[1][0] / r[0][0] for r in rounds)
    print("| %s | %s | %.2f | %.0f | %.2f | %.0f | %.2f |" % (
        format(count, ","), beside, middle(0, 0), middle(0, 1), middle(1, 0), middle(1, 1), ratio), flush=True)
    return middle(1, 1), ratio


if __name__ == "__main__":
    sys.exit(main())
