#!/usr/bin/env python3
"""Correlates captures whose clocks step and whose guests are paused, and prints the slowest.

usage: steps.py [--hiddenq PATH] [--count N] [--seed N] [--limit SECONDS] [--keep DIR]

Each capture is made from a seed: a guest, or two that are copies of each other, with up to 300 steps of the
clock forward and backward, pauses in which it stands still or goes on, requests in flight, and blocks that
come once or all the time. None may take longer than the limit, or have a match that is claimed to be certain
and is not the true one.

Exit status: 0 all as promised; 1 some are not; 2 it could not be run.
"""
import argparse
import collections
import csv
import io
import math
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECOND = 1_000_000_000
SQL = """SELECT guest.sector, io.completed_at_ns, host.queued_ns, io.match_grade
FROM io JOIN request AS guest ON guest.request_id = io.request_id
LEFT JOIN request AS host ON host.request_id = io.host_request_id
WHERE io.guest = '%s'"""


def events(draw, seconds):
    """(at, pause, step): the guest does nothing for the pause, then its clock is moved by the step; all ns."""
    made = []
    at = draw.randrange(SECOND // 4)
    many = draw.choice((1, 3, 10, 40, 300))
    kinds = draw.choice(("still", "still goes", "forward", "still goes forward back"))
    while at < seconds * SECOND and len(made) < many:
        length = int(10 ** draw.uniform(5, 9))
        kind = draw.choice(kinds.split())
        pause = length if kind in ("still", "goes") else 0
        step = {"still": -length, "goes": 0, "forward": length, "back": -length}[kind]
        made.append((at, pause, step))
        at += pause + int(draw.expovariate(many / (seconds * SECOND))) + 1_000_000
    return made


def requests(draw, sectors, happened, seconds, blocks):
    """(sector, letters, guest D, host Q, host D, host C, guest C) of each request, in ns of the host."""
    depth = draw.choice((1, 4, 16))
    slow = draw.choice((0, 0.02, 0.3))
    busy = [1_000_000] * depth
    made = []
    # Of one block: each layer keeps the order.
    last = {}

    def resumed(moment):
        for at, pause, _ in reversed(happened):
            if at <= moment:
                return at + pause + (moment - at) % 20_000 if moment < at + pause else moment
        return moment

    while len(made) < 4000:
        slot = busy.index(min(busy))
        issued = resumed(busy[slot] + draw.randrange(20_000, 4_000_000))
        if issued > seconds * SECOND:
            break
        sector = 8 * sectors.randrange(blocks)
        before = last.get(sector, (0, 0, 0))
        queued = max(before[0], resumed(issued + draw.randrange(8_000, 300_000)))
        driver = queued + draw.randrange(2_000, 9_000)
        done = max(before[1], driver + draw.randrange(60_000, 900_000) * (100 if draw.random() < slow else 1))
        completed = max(before[2], resumed(done + draw.randrange(8_000, 300_000)))
        last[sector] = (queued + 9_001, done + 1_000, completed + 1_000)
        busy[slot] = completed
        made.append((sector, sectors.choice(("R", "WS")), issued, queued, driver, done, completed))
    return made


def write(path, device, lines):
    """Lines of (ns, action, letters, sector, order) as blkparse prints them: in the order of the true time."""
    with open(path, "w") as file:
        for sequence, (_, printed, action, letters, sector) in enumerate(sorted(lines), 1):
            file.write("%7s  0 %8d %5d.%09d   100  %s %3s %d + 8 [%s]\n" % (
                device, sequence, printed // SECOND, printed % SECOND, action, letters, sector,
                "0" if action == "C" else "fio"))


def make(folder, seed):
    """A capture; returns the truth by guest: the host's Q of each (sector, guest C), as printed."""
    draw = random.Random(seed)
    seconds = draw.choice((3, 10, 25))
    blocks = draw.choice((40, 2_000, 10_000_000))
    guests = 1 + (draw.random() < 0.3)
    truth, host = {}, []
    twin = draw.randrange(1 << 30)
    for number in range(guests):
        name = "vm%d" % number
        # Copies ask for the same blocks, in their own time.
        sectors = random.Random(twin if draw.random() < 0.7 else twin + number)
        happened = events(draw, seconds)
        distance = 2048 + number * 200_000_000
        lines = []
        known = truth[name] = collections.defaultdict(set)

        def printed(moment):
            # Far enough from zero for steps back.
            return moment + 400 * SECOND + sum(step for at, pause, step in happened if at + pause <= moment)

        for sector, letters, issued, queued, driver, done, completed in requests(
                random.Random(draw.random()), sectors, happened, seconds, blocks):
            lines += [(issued - 900, printed(issued - 900), "Q", letters, sector),
                      (issued, printed(issued), "D", letters, sector),
                      (completed, printed(completed), "C", letters, sector)]
            host += [(queued, queued, "Q", letters, sector + distance),
                     (driver, driver, "D", letters, sector + distance),
                     (done, done, "C", letters, sector + distance)]
            known[sector, printed(completed)].add(queued)
        os.makedirs("%s/guest-%s" % (folder, name))
        write("%s/guest-%s/blkparse.txt" % (folder, name), "254,0", lines)
    os.makedirs(folder + "/host")
    write(folder + "/host/blkparse.txt", "8,0", host)
    return truth


def run(arguments, limit):
    """Its status, what it said, and its CPU time, which other load leaves alone; the limit is of CPU time, too."""
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = math.ceil(limit)
    done = subprocess.run(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds)))
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime
    return done.returncode, done.stdout.decode(errors="replace"), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build/release/hiddenq"))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first capture")
    parser.add_argument("--limit", type=float, default=10, help="seconds that a correlation may take")
    parser.add_argument("--keep", metavar="DIR", help="keep the captures that failed there")
    options = parser.parse_args()
    if not os.access(options.hiddenq, os.X_OK):
        print("steps: %s is not there; 'make release' builds it" % options.hiddenq, file=sys.stderr)
        return 2
    options.hiddenq = os.path.abspath(options.hiddenq)
    times, failures = [], 0
    grades = collections.Counter()
    for seed in range(options.seed, options.seed + options.count):
        folder = tempfile.mkdtemp(prefix="hiddenq-steps-")
        wrong = []
        try:
            truth = make(folder + "/capture", seed)
            incident = folder + "/incident.db"
            status, said, _ = run([options.hiddenq, "ingest", incident, folder + "/capture"], 60)
            if status not in (0, 3):
                wrong.append("ingest ended with %s: %s" % (status, said[-200:]))
            status, said, seconds = run([options.hiddenq, "correlate", incident], options.limit)
            times.append((seconds, seed))
            if status not in (0, 3):
                wrong.append("correlate ended with %s after %.1f s: %s" % (status, seconds, said[-200:]))
            for guest, known in truth.items() if not wrong else ():
                status, said, _ = run(
                    [options.hiddenq, "query", incident, SQL % guest, "--format", "csv"], 60)
                rows = [row for row in csv.reader(io.StringIO(said)) if row and row[0].isdigit()]
                grades.update(row[3] for row in rows)
                bad = sum(int(row[2] or -1) not in known[int(row[0]), int(row[1] or -1)]
                          for row in rows if row[3] in ("exact", "merged", "split"))
                if bad:
                    wrong.append("%s: %d wrong matches" % (guest, bad))
        finally:
            for fault in wrong:
                print("seed %d: %s" % (seed, fault))
            failures += bool(wrong)
            if wrong and options.keep:
                shutil.copytree(folder, os.path.join(options.keep, str(seed)), dirs_exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
    times.sort(reverse=True)
    print("%d captures, %d not as promised; correlate took %.2f s of CPU at the most (seed %d), %.2f s in the middle" % (
        options.count, failures, times[0][0], times[0][1], times[len(times) // 2][0]))
    print("I/Os by grade: " + ", ".join("%s %d" % pair for pair in sorted(grades.items())))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
