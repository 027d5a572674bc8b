#!/usr/bin/env python3
"""Compares hiddenq's work with that of the usual tools, on the same events.

usage: bench.py [--events N] [--ios N] [--rounds N] [--hiddenq PATH] [--folder DIR] [--keep] [--results DIR] [--only PART...]

Parts: text, binary, memory, allocations, parsing, sched, whole. The block trace is made here, in the binary format of blktrace; its text is
what blkparse prints of it. For the whole, a guest and its host, it is bench/blocks.c that makes both. Each comparison alternates between both sides; the figures are medians of CPU time
(user and system, of the process and its children) and of their ratios per round, and the largest resident set.
Wall time is not compared: other work on the machine would decide.

With --results a file for each part is written there, PART.json (whole-N.json for N I/Os), of which bench/speed.py makes
the tables of docs/speed.md.

It never fails on time: it prints ratios with the goals beside them. Exit status 2: it could not run.
"""
import argparse
import json
import os
import platform
import random
import shutil
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PARTS = ["text", "binary", "memory", "allocations", "parsing", "sched", "whole"]
PACKAGES = {"blkparse": "blktrace", "btt": "blktrace", "sqlite3": "sqlite3", "perf": "linux-perf",
            "stress-ng": "stress-ng"}

# Of blktrace_api.h: action numbers and the category bits above them.
READ, WRITE = 1 << 16, 1 << 17
QUEUE, REQUEUE, ISSUE, COMPLETE, NOTIFY = 1 << 20, 1 << 21, 1 << 22, 1 << 23, 1 << 26
ACTIONS = {
    "Q": (1, QUEUE), "M": (2, 1 << 19), "G": (4, 1 << 24), "R": (6, REQUEUE), "D": (7, ISSUE),
    "C": (8, COMPLETE), "P": (9, 1 << 18), "U": (10, 1 << 18), "I": (14, QUEUE),
}
# Counts allocations; the program's own and those of the libraries it uses.
COUNTER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned long calls;

void *malloc(size_t size) {
  static void *(*next)(size_t);
  if (!next) next = dlsym(RTLD_NEXT, "malloc");
  __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
  return next(size);
}

void *realloc(void *block, size_t size) {
  static void *(*next)(void *, size_t);
  if (!next) next = dlsym(RTLD_NEXT, "realloc");
  __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
  return next(block, size);
}

__attribute__((destructor)) static void tell(void) {
  FILE *file = fopen(getenv("ALLOCATIONS"), "w");
  if (file) { fprintf(file, "%lu", calls); fclose(file); }
}
"""
# struct blk_io_trace: magic, sequence, time, sector, bytes, action, pid, device, cpu, error, pdu_len.
RECORD = struct.Struct("<IIQQIIIIIHH")
MAGIC = 0x65617407
DEVICE = 254 << 20
COMMS = ["fio", "kworker/0:1H", "jbd2/vda1-8", "postgres", "IO iothread0", "CPU 1/KVM", "nginx", "rsync",
         "mysqld", "dd", "java", "etcd", "tar", "kworker/u8:3", "swapper/0", "Web Content", "python3",
         "node", "qemu-system-x86", "cp"]


class Trace:
    """Writes per-CPU files as blktrace does, and the same events as CSV."""

    def __init__(self, base, cpus, table):
        self.files = [open("%s.blktrace.%d" % (base, cpu), "wb", 1 << 20) for cpu in range(cpus)]
        self.sequence = [0] * cpus
        self.table = table
        self.events = 0
        for number in range(len(COMMS)):
            name = COMMS[number].encode()[:15] + b"\0"
            self.files[0].write(RECORD.pack(
                MAGIC, 0, 0, 0, 0, NOTIFY, 1000 + number, DEVICE, 0, 0, len(name)) + name)
        # BLK_TN_TIMESTAMP: the wall clock at the start.
        self.files[0].write(RECORD.pack(
            MAGIC, 0, 0, 0, 0, NOTIFY | 1, 0, DEVICE, 0, 0, 8) + struct.pack("<II", 1760000000, 0))

    def add(self, events):
        """Events in the order of their time: (time, cpu, action, rw, sector, bytes, pid)."""
        lines = []
        for time, cpu, letter, rw, sector, size, pid in events:
            action, category = ACTIONS[letter]
            self.sequence[cpu] += 1
            tail = b""
            if letter == "U":
                tail = struct.pack(">Q", 1)
            self.files[cpu].write(RECORD.pack(
                MAGIC, self.sequence[cpu], time, sector, size,
                action | (category | rw if letter not in "PU" else category), pid, DEVICE, cpu, 0,
                len(tail)) + tail)
            if self.table:
                lines.append("254,0,%d,%d,%d,%d,%d,%d,%d,%d,0\n" % (
                    cpu, self.sequence[cpu], time, pid, ord(letter), rw >> 16, sector, size >> 9))
        self.events += len(events)
        if self.table:
            self.table.write("".join(lines))

    def close(self):
        for file in self.files:
            file.close()


def make_trace(base, events, cpus, seed, table=None):
    """Requests with Q G P I U D C, a fifth of them with a merged second bio, one in 2,000 requeued."""
    chance = random.Random(seed)
    trace = Trace(base, cpus, table)
    now = 1_000_000
    waiting = []
    while trace.events < events:
        for _ in range(4000):
            now += int(chance.expovariate(1 / 12_000)) + 40
            cpu = chance.randrange(cpus)
            pid = 1000 + chance.randrange(len(COMMS))
            rw = WRITE if chance.random() < 0.6 else READ
            sector = chance.randrange(1 << 24) * 8 + 2048
            size = 4096 << chance.randrange(4)
            at = now
            waiting.append((at, cpu, "Q", rw, sector, size, pid))
            at += 300 + chance.randrange(600)
            waiting.append((at, cpu, "G", rw, sector, size, pid))
            at += 40
            waiting.append((at, cpu, "P", 0, 0, 0, pid))
            whole = size
            if chance.random() < 0.2:
                at += 400
                waiting.append((at, cpu, "Q", rw, sector + size // 512, size, pid))
                at += 200
                waiting.append((at, cpu, "M", rw, sector + size // 512, size, pid))
                whole = 2 * size
            at += 500 + chance.randrange(700)
            waiting.append((at, cpu, "I", rw, sector, whole, pid))
            at += 100
            waiting.append((at, cpu, "U", 0, 0, 0, pid))
            at += 800 + int(chance.expovariate(1 / 12_000))
            waiting.append((at, cpu, "D", rw, sector, whole, pid))
            if chance.random() < 0.0005:
                at += 2_000
                waiting.append((at, cpu, "R", rw, sector, whole, pid))
                at += 30_000
                waiting.append((at, cpu, "D", rw, sector, whole, pid))
            at += 60_000 + int(chance.expovariate(1 / 150_000))
            waiting.append((at, chance.randrange(cpus), "C", rw, sector, whole, 0))
        # Nothing that is still to come is earlier than this.
        waiting.sort()
        ready = 0
        while ready < len(waiting) and waiting[ready][0] < now:
            ready += 1
        trace.add(waiting[:ready])
        del waiting[:ready]
    trace.add(waiting)
    trace.close()
    return trace.events


class Cost:
    """What a command took: CPU seconds, and its largest resident set in MB."""

    def __init__(self, seconds, megabytes):
        self.seconds, self.megabytes = seconds, megabytes


def measure(*commands):
    """Runs commands one after the other; CPU time is summed, the largest set counts."""
    seconds, most = 0.0, 0
    for command in commands:
        arguments, source = (command, None) if isinstance(command, list) else command
        with open(source or os.devnull, "rb") as standard_input, open(os.devnull, "wb") as nowhere:
            with tempfile.TemporaryFile() as complaints:
                process = subprocess.Popen(
                    arguments, stdin=standard_input, stdout=nowhere, stderr=complaints)
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                if process.returncode != 0:
                    complaints.seek(0)
                    raise RuntimeError("%s: status %d: %s" % (
                        " ".join(arguments[:3]), process.returncode,
                        complaints.read()[-300:].decode(errors="replace")))
        seconds += usage.ru_utime + usage.ru_stime
        most = max(most, usage.ru_maxrss)
    return Cost(seconds, most / 1024)


class Comparison:
    """Ours against others, round by round."""

    def __init__(self, rounds):
        self.rounds = rounds
        self.results = []

    def run(self, title, ours, peers):
        """ours and each peer: a function that does the work and returns its cost."""
        costs = {name: [] for name in ["ours"] + [peer for peer, _, _ in peers]}
        for number in range(self.rounds):
            order = [("ours", ours)] + [(peer, work) for peer, work, _ in peers]
            for name, work in order if number % 2 == 0 else reversed(order):
                costs[name].append(work())
        mine = statistics.median(cost.seconds for cost in costs["ours"])
        memory = max(cost.megabytes for cost in costs["ours"])
        for peer, _, goal in peers:
            theirs = statistics.median(cost.seconds for cost in costs[peer])
            ratio = statistics.median(
                a.seconds / max(b.seconds, 0.001) for a, b in zip(costs["ours"], costs[peer]))
            self.results.append({"work": title, "ours_s": round(mine, 3), "against": peer, "theirs_s": round(theirs, 3),
                                 "ratio": round(ratio, 4), "goal": goal})
            show((title, "%.2f s" % mine, peer, "%.2f s" % theirs, "%.3f" % ratio, "<= %g" % goal,
                  verdict(ratio, goal)))
        return memory


def verdict(value, goal):
    return "yes" if value <= goal else "no"


def show(row):
    print("%-20s %9s  %-24s %9s  %8s  %8s  %s" % row, flush=True)


def need(program):
    """Whether a program is there; as root on Debian it is installed when it is not."""
    if shutil.which(program):
        return True
    package = PACKAGES[program]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", package]):
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if shutil.which(program):
        return True
    print("bench: there is no '%s' (package %s); what needs it is left out" % (program, package))
    return False


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.compared = Comparison(options.rounds)
        self.figures = []
        self.events = 0
        self.table = self.path("events.csv")

    def path(self, name):
        return os.path.join(self.folder, name)

    def ingest(self, format_name, source, *extra):
        """Our work: into a new incident file each time."""
        incident = self.path("incident.db")

        def work():
            if os.path.exists(incident):
                os.remove(incident)
            return measure([self.options.hiddenq, "ingest", format_name, incident, source, *extra])
        return work

    def make_blocks(self):
        with open(self.table, "w", buffering=1 << 20) as table:
            self.events = make_trace(self.path("big"), self.options.events, 4, 42, table)
        subprocess.run(["blkparse", "-q", "-i", "big", "-o", self.path("big.txt"),
                        "-d", self.path("big.bin")], cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL)
        print("block trace: %d events, %.0f MB text, %.0f MB binary\n" % (
            self.events, os.path.getsize(self.path("big.txt")) / 1e6,
            os.path.getsize(self.path("big.bin")) / 1e6))

    def head(self):
        show(("ours", "CPU", "against", "CPU", "ratio", "goal", "met"))

    def import_table(self):
        database = self.path("import.db")

        def work():
            if os.path.exists(database):
                os.remove(database)
            columns = ", ".join("%s INTEGER" % name for name in (
                "major", "minor", "cpu", "sequence", "time", "pid", "action", "rw", "sector", "sectors",
                "error"))
            script = self.path("import.sql")
            with open(script, "w") as file:
                file.write("PRAGMA page_size = 16384;\nPRAGMA cache_size = -16384;\n"
                           "CREATE TABLE event (%s);\n.mode csv\n.import %s event\n" % (
                               columns, self.table))
            return measure((["sqlite3", database], script))
        return work

    def btt(self):
        return measure(["btt", "-i", self.path("big.bin"), "-o", self.path("btt")])

    def text(self):
        text = self.path("big.txt")
        peers = []
        if need("sqlite3"):
            peers.append(("sqlite3 .import", self.import_table(), 0.125))
        peers += [("btt", self.btt, 0.15), ("wc -l", lambda: measure(["wc", "-l", text]), 14)]
        memory = self.compared.run(
            "blkparse text", self.ingest("blktrace", text, "--guest", "g"), peers)
        size = os.path.getsize(self.path("incident.db")) / self.events
        self.figure("resident set, text", memory, ".0f", "MB", 128)
        self.figure("incident file", size, ".1f", "B/event", 12)
        kept = self.ingest("blktrace", text, "--guest", "g", "--keep-events")()
        size = os.path.getsize(self.path("incident.db")) / self.events
        self.figure("with --keep-events", size, ".1f", "B/event", 26)
        self.figure("its CPU", kept.seconds, ".2f", "s")

    def binary(self):
        folder = self.path("binary")
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(self.folder):
            if name.startswith("big.blktrace.") and not os.path.exists(os.path.join(folder, name)):
                os.link(self.path(name), os.path.join(folder, name))

        def chain():
            merge = measure(["blkparse", "-q", "-i", self.path("big"), "-d", self.path("merged.bin"), "-O"])
            count = measure(["btt", "-i", self.path("merged.bin"), "-o", self.path("btt")])
            return Cost(merge.seconds + count.seconds, max(merge.megabytes, count.megabytes))
        memory = self.compared.run(
            "blktrace binary", self.ingest("blktrace", folder, "--guest", "g"),
            [("blkparse -d + btt", chain, 0.12)])
        self.figure("resident set, binary", memory, ".0f", "MB", 128)

    def sched(self):
        if not need("perf"):
            return
        data, text = self.path("perf.data"), self.path("sched.txt")
        # Messages between many threads, and threads that switch all the time beside some that only compute.
        load = "perf bench sched messaging -g 4 -l %d" % max(20, self.options.events // 150)
        if need("stress-ng"):
            load += " & stress-ng --quiet --switch 2 --cpu 1 --timeout %d; wait" % max(
                1, self.options.events // 150_000)
        recorded = subprocess.run(
            ["perf", "sched", "record", "-m", "8192", "-o", data, "--", "sh", "-c", load],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if recorded.returncode != 0 or not os.path.exists(data) or os.path.getsize(data) < 100_000:
            reason = recorded.stderr.decode(errors="replace").strip().splitlines()
            print("bench: perf cannot record here (%s); the scheduler part is left out" % (
                reason[-1] if reason else "no events"))
            return
        with open(text, "wb") as file:
            subprocess.run(["perf", "sched", "-i", data, "script"], stdout=file,
                           stderr=subprocess.DEVNULL, check=True)
        with open(text, "rb") as file:
            lines = sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
        print("\nscheduler trace: %d lines, %.0f MB text" % (lines, os.path.getsize(text) / 1e6))
        self.head()
        memory = self.compared.run(
            "perf sched text", self.ingest("perf-sched", text, "--host", "h"),
            [("perf sched latency", lambda: measure(["perf", "sched", "-i", data, "latency"]), 0.5),
             ("perf sched timehist", lambda: measure(["perf", "sched", "-i", data, "timehist"]), 0.2)])
        self.figure("resident set, sched", memory, ".0f", "MB", 128)
        self.recording(data)

    def recording(self, data):
        """The recording itself: against perf on the same file, and against making text of it first."""
        def convert():
            script = measure(["perf", "script", "--ns", "-i", data])
            ours = self.ingest("perf-sched", self.path("sched.txt"), "--host", "h")()
            return Cost(script.seconds + ours.seconds, max(script.megabytes, ours.megabytes))
        latency = lambda: measure(["perf", "sched", "-i", data, "latency"])
        memory = self.compared.run(
            "perf.data", self.ingest("perf-data", data, "--host", "h"),
            [("perf sched latency", latency, 0.65),
             ("perf sched timehist", lambda: measure(["perf", "sched", "-i", data, "timehist"]), 0.35),
             ("perf script + ingest of it", convert, 0.1)])
        self.figure("resident set, perf.data", memory, ".0f", "MB", 64)
        packed = self.path("perf-z.data")
        # perf inject does not pack; the same load once more does.
        command = ["perf", "sched", "record", "-z", "-m", "8192", "-o", packed, "--", "sh", "-c",
                   "perf bench sched messaging -g 4 -l %d" % max(20, self.options.events // 150)]
        if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
            memory = self.compared.run(
                "perf.data, -z", self.ingest("perf-data", packed, "--host", "h"),
                [("perf sched latency", lambda: measure(["perf", "sched", "-i", packed, "latency"]), 0.35)])
            self.figure("resident set, -z", memory, ".0f", "MB", 64)
        if shutil.which("trace-cmd"):
            trace = self.path("trace.dat")
            subprocess.run(
                ["trace-cmd", "record", "-q", "-C", "mono", "-o", trace, "-e", "sched_switch", "-e", "sched_waking",
                 "perf", "bench", "sched", "messaging", "-g", "4", "-l", str(max(20, self.options.events // 150))],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if os.path.exists(trace):
                self.compared.run(
                    "trace.dat", self.ingest("trace-dat", trace, "--host", "h"),
                    [("trace-cmd report", lambda: measure(["trace-cmd", "report", "-t", "-i", trace]), 0.05)])
            else:
                print("bench: trace-cmd cannot record here; trace.dat is left out")
        else:
            print("bench: there is no 'trace-cmd'; trace.dat is left out")

    def memory(self):
        """An eighth of the trace against all of it."""
        small = self.path("small.txt")
        size = os.path.getsize(self.path("big.txt")) // 8
        with open(self.path("big.txt"), "rb") as whole, open(small, "wb") as part:
            for piece in iter(lambda: whole.read(min(1 << 20, size - part.tell())), b""):
                part.write(piece)
            part.write(whole.readline())
        once = self.ingest("blktrace", small, "--guest", "g")().megabytes
        eight = self.ingest("blktrace", self.path("big.txt"), "--guest", "g")().megabytes
        self.figure("resident set, 1 x", once, ".0f", "MB")
        self.figure("resident set, 8 x", eight, ".0f", "MB", round(1.2 * once, 1))

    def allocations(self):
        """Those of a trace less those of its eighth, per line in between."""
        totals = []
        for text in (self.path("small.txt"), self.path("big.txt")):
            incident = self.path("incident.db")
            if os.path.exists(incident):
                os.remove(incident)
            totals.append(self.count_allocations(
                [self.options.hiddenq, "ingest", "blktrace", incident, text, "--guest", "g"]))
        if None in totals:
            return
        each = (totals[1] - totals[0]) / (self.events * 7 / 8)
        self.figure("allocations a line", each, ".5f", "", 0.01)

    def parsing(self):
        """The parser by itself, in a package of its own; the general parser is its oracle."""
        package = os.path.join(ROOT, "bench", "parsing")
        subprocess.run(["swift", "build", "-c", "release", "-Xswiftc", "-enable-testing", "--package-path", package],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        parser, text = os.path.join(package, ".build/release/parsing"), self.path("big.txt")
        fast, general = (subprocess.run([parser, text] + mode, check=True, capture_output=True).stdout
                         for mode in ([], ["general"]))
        self.figure("lines on which the parsers differ", sum(
            a != b for a, b in zip(fast.splitlines(), general.splitlines())) + abs(
                fast.count(b"\n") - general.count(b"\n")), "d", "", 0)
        self.compared.run("parsing alone", lambda: measure([parser, text]),
                          [("wc -l", lambda: measure(["wc", "-l", text]), 4)])
        totals = [self.count_allocations([parser, file]) for file in (self.path("small.txt"), text)]
        if None not in totals:
            each = (totals[1] - totals[0]) / (self.events * 7 / 8)
            self.figure("its allocations a line", each, ".6f", "", 0.0001)

    def make_capture(self):
        """Block traces of a guest and its host: as text in a capture's folders, and as blktrace writes them."""
        program, capture, binary = self.path("blocks"), self.path("capture"), self.path("both")
        subprocess.run(["cc", "-O2", "-o", program, os.path.join(ROOT, "bench", "blocks.c"), "-lm"], check=True)
        ios = str(self.options.ios)
        for folder in (capture, os.path.join(capture, "guest"), os.path.join(capture, "host"), binary):
            os.makedirs(folder, exist_ok=True)
        subprocess.run([program, ios, capture], check=True)
        size = 0
        for side in ("guest", "host"):
            text = os.path.join(capture, side, "blkparse.txt")
            os.replace(os.path.join(capture, side + ".txt"), text)
            size += os.path.getsize(text)
        subprocess.run([program, ios, binary, "--binary"], check=True)
        print("\na guest and its host: %s I/Os, %.0f MB text" % (ios, size / 1e6))
        return capture, binary

    def whole(self):
        """All that is said of a guest and its host, against the usual tools on both traces."""
        if not shutil.which("cc"):
            print("bench: there is no 'cc'; a guest with its host is left out")
            return
        capture, binary = self.make_capture()
        out, incident = self.path("analyzed"), self.path("pair.db")

        def analyze():
            shutil.rmtree(out, ignore_errors=True)
            return measure([self.options.hiddenq, "analyze", capture, "-o", out])

        def correlate():
            shutil.rmtree(out, ignore_errors=True)
            if os.path.exists(incident):
                os.remove(incident)
            ingest = measure([self.options.hiddenq, "ingest", incident, capture])
            return ingest, measure([self.options.hiddenq, "correlate", incident])

        def tools():
            costs = []
            for side in ("guest", "host"):
                merged = self.path("merged.bin")
                costs.append(measure(
                    ["blkparse", "-q", "-i", os.path.join(binary, side), "-d", merged, "-O"],
                    ["btt", "-i", merged, "-o", self.path("btt")]))
            return Cost(sum(cost.seconds for cost in costs), max(cost.megabytes for cost in costs))
        self.head()
        memory = self.compared.run("analyze, both sides", analyze, [("blkparse -d + btt, both", tools, 1.5)])
        self.figure("resident set, analyze", memory, ".0f", "MB", 150)
        costs = [correlate() for _ in range(self.options.rounds)]
        ingest = statistics.median(cost.seconds for cost, _ in costs)
        seconds = statistics.median(cost.seconds for _, cost in costs)
        memory = max(cost.megabytes for _, cost in costs)
        self.figure("ingest, both sides", ingest, ".2f", "s")
        self.figure("correlate alone", seconds, ".2f", "s", 6 * self.options.ios / 1e6)
        self.figure("resident set of it", memory, ".0f", "MB", 150 if self.options.ios <= 1_000_000 else 200)
        self.reading(incident, out)

    def reading(self, incident, out):
        """What is read of a correlated file: the report, a part of it, and the file beside another of as many I/Os."""
        program, page = self.options.hiddenq, os.path.join(self.folder, "page.html")
        other = self.path("other.db")
        shutil.copy(incident, other)

        def middle(name, command, goal, most=None):
            costs = [measure(command) for _ in range(self.options.rounds)]
            self.figure(name, statistics.median(cost.seconds for cost in costs), ".2f", "s", goal)
            self.figure("resident set of it", max(cost.megabytes for cost in costs), ".0f", "MB", most)
        middle("report of the whole", [program, "report", incident, "--format", "html", "-o", page], 2, 120)
        with sqlite3.connect("file:%s?mode=ro" % incident, uri=True) as file:
            first, last = file.execute("SELECT min(reference_ns), max(reference_ns) FROM guest_io").fetchone()
        half = "%.3fs" % ((first + last) / 2e9)
        middle("report of half of the time", [
            program, "report", incident, "--format", "html", "-o", page, "--to", half], 0.75 * self.options.ios / 1e6)
        middle("compare of two such files", [program, "compare", incident, other], 2.5 * self.options.ios / 1e6)

    def count_allocations(self, command):
        """Calls of malloc and realloc in a run; None where there is no compiler."""
        if not shutil.which("cc"):
            print("bench: there is no 'cc'; allocations are not counted")
            return None
        source, shim, count = self.path("counter.c"), self.path("counter.so"), self.path("allocations")
        if not os.path.exists(shim):
            with open(source, "w") as file:
                file.write(COUNTER)
            subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, LD_PRELOAD=shim, ALLOCATIONS=count))
        with open(count) as file:
            return int(file.read())

    def figure(self, name, value, form, unit="", goal=None):
        """A number with its unit, and the most that it should be."""
        self.figures.append({"figure": name, "value": value, "format": form, "unit": unit, "goal": goal})
        limit = "" if goal is None else ("<= %g %s" % (goal, unit)).strip()
        show((name, ("%" + form + " %s") % (value, unit), "", "", "", limit,
              "" if goal is None else verdict(value, goal)))

    def keep_results(self, name):
        """Writes what was found since the last time, where it is wanted."""
        found = {"machine": "%s, %d CPUs" % (platform.machine(), os.cpu_count() or 0), "rounds": self.options.rounds,
                 "comparisons": self.compared.results, "figures": self.figures}
        self.compared.results, self.figures = [], []
        if self.options.results:
            os.makedirs(self.options.results, exist_ok=True)
            with open(os.path.join(self.options.results, name + ".json"), "w") as file:
                json.dump(found, file, indent=2)
                file.write("\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build/release/hiddenq"))
    parser.add_argument("--events", type=int, default=5_000_000, help="events of the block trace")
    parser.add_argument("--ios", type=int, default=1_000_000, help="I/Os of the guest with its host")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each side")
    parser.add_argument("--folder", help="where the data go (default: a temporary folder)")
    parser.add_argument("--keep", action="store_true", help="leave the data there")
    parser.add_argument("--results", help="where the results go, a file for each part (default: nowhere)")
    parser.add_argument("--only", nargs="+", choices=PARTS,
                        default=PARTS)
    options = parser.parse_args()
    options.hiddenq = os.path.abspath(options.hiddenq)
    if not os.access(options.hiddenq, os.X_OK):
        print("bench: %s is not there; 'make release' builds it" % options.hiddenq, file=sys.stderr)
        return 2
    if {"allocations", "parsing"} & set(options.only) and "memory" not in options.only:
        options.only.append("memory")
    blocks = set(options.only) - {"sched", "whole"}
    if set(options.only) - {"sched"} and not (need("blkparse") and need("btt")):
        return 2
    folder = options.folder or tempfile.mkdtemp(prefix="hiddenq-bench-")
    os.makedirs(folder, exist_ok=True)
    print("%s, %d CPUs, load %.1f; %d rounds" % (
        platform.machine(), os.cpu_count() or 0, os.getloadavg()[0], options.rounds))
    try:
        bench = Bench(options, folder)
        if blocks:
            bench.make_blocks()
            bench.head()
        for part in PARTS:
            if part in options.only:
                getattr(bench, part)()
                bench.keep_results("whole-%d" % options.ios if part == "whole" else part)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print("bench: %s" % error, file=sys.stderr)
        return 2
    finally:
        if not options.keep and not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
