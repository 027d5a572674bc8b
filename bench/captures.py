#!/usr/bin/env python3
"""Reads real files of every kind, and compares what hiddenq says of them with what can be counted without it.

usage: captures.py [--hiddenq PATH] [--shared DIR] [--only PART...] [--all]

Parts:
  samples     every file of DIR/samples gives events or a reason; counts equal those made here
  traces      the same for every file of the captures in DIR/traces
  forms       text, per-CPU binaries, and both of them in one folder give the same requests, I/Os and hops
  scheduler   run time per thread against `perf sched timehist`, waits of vCPUs against the kernel's run_delay
  twice       a directory that is ingested again changes no byte

The counts are of lines by a pattern, of records by their headers, or what blkparse itself printed; a format without
a simple pattern shows '-'. Without --all only what differs is shown line by line.

Exit status: 0 all agree; 1 some do not; 2 it could not be run.
"""
import argparse
import bz2
import collections
import gzip
import hashlib
import json
import lzma
import os
import re
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What a line of a format's events looks like. (task-schedstat: with or without a date before.)
LINES = {
    "blktrace": r"^ *\d+,\d+ +\d+ +\d+ +\d+\.\d+ +\d+ +(UT|[A-Zm]) ",
    "perf-sched": r"^.*\[\d{3,}\] .*?\d+\.\d{6,9}: +\S",
    "perf-script": r"^(.*\[\d{3,}\]|\S.*? +\d+) .*?\d+\.\d{6,9}: +\S",
    "ftrace": r"^.*-\d+ .*?\[\d{3,}\] .*?\d+\.\d{6}: +\S",
    "trace-cmd": r"^.*-\d+ +\[\d{3,}\] .*?\d+\.\d{6}: +\S",
    "perf-sched-timehist": r"^ *\d+\.\d{6} +\[\d+\]",
    "perf-sched-latency": r"\| +avg:",
    "qemu-log": r"^\d+@\d+\.\d{6}:\w",
    "lscpu": r"^\d+,",
    "proc-diskstats": r"^ *\d+ +\d+ \S+(( \d+){11,}|( \d+){4}) *$",
    "proc-net-dev": r"^ *[^|:]+: *\d+( +\d+){15}",
    "softnet": r"^[0-9a-f]{8}( [0-9a-f]{8}){8,}",
    "proc-schedstat": r"^(cpu|domain)\d+ ",
    "task-schedstat": r"^(\d{9,}\.\d+ )?\d+ (\(.*\) \d+ \d+ \d+|\d+ \d+ \d+ \S.*)$",
    "vmstat": None,
    "ethtool": r"^ +\S.*: -?\d+$|^no stats available$",
}
MAGIC = 0x65617407


def content(path):
    with open(path, "rb") as file:
        data = file.read()
    for magic, unpack in ((b"\x1f\x8b", gzip.decompress), (b"\xfd7zXZ", lzma.decompress), (b"BZh", bz2.decompress)):
        if data.startswith(magic):
            return unpack(data)
    return data


def records(data):
    """Events among the records of blktrace's binary format; notes have a category of their own."""
    position = events = 0
    order = "<" if data[1:4] == b"\x74\x61\x65" else ">"
    while position + 48 <= len(data):
        magic, = struct.unpack_from(order + "I", data, position)
        if magic >> 8 != MAGIC >> 8:
            break
        if magic & 0xFF == 7:
            action, = struct.unpack_from(order + "I", data, position + 28)
            length, = struct.unpack_from(order + "H", data, position + 46)
            head, category = 48, action >> 16
        else:
            return None
        # BLK_TN_MESSAGE is printed by blkparse as an event, m.
        if not category & (1 << 10) or action & 0xFFFF == 2:
            events += 1
        position += head + length
    return events


def independent(form, paths):
    """How many events the files hold, counted here; None where that is not simple."""
    if any(re.search(r"\.blktrace\.\d+(\.\w+)?$|\.bin$", path) for path in paths):
        counts = [records(content(path)) if content(path) else 0 for path in paths]
        return None if None in counts else sum(counts)
    pattern = LINES.get(form)
    if pattern is None:
        return None
    pattern = re.compile(pattern)
    text = content(paths[0]).decode("utf-8", "replace")
    return sum(1 for line in text.replace("\r", "").split("\n") if pattern.search(line))


class Run:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.number = self.wrong = 0

    def program(self, *arguments):
        return subprocess.run([self.options.hiddenq, *arguments], capture_output=True, text=True, errors="replace")

    def fresh(self):
        self.number += 1
        return os.path.join(self.folder, "%d.db" % self.number)

    def query(self, incident, sql):
        outcome = self.program("query", incident, sql, "--format", "jsonl")
        if outcome.returncode != 0:
            raise RuntimeError(outcome.stderr.strip())
        return [json.loads(line) for line in outcome.stdout.splitlines()]

    def ingest(self, *paths, side="--host"):
        incident = self.fresh()
        outcome = self.program("ingest", incident, *paths, side, "m")
        if outcome.returncode not in (0, 2):
            raise RuntimeError("%s: status %d: %s" % (paths[0], outcome.returncode, outcome.stderr.strip()))
        return incident, outcome

    def judge(self, good, text):
        if not good:
            self.wrong += 1
        if self.options.all or not good:
            print(("  " if good else "! ") + text, flush=True)

    # Files

    def files(self, root, title):
        seen = collections.Counter()
        counted = unused = events = 0
        groups = {}
        for folder, _, names in sorted(os.walk(root)):
            for name in sorted(names):
                stem = re.match(r"(.*\.blktrace)\.\d+(\.\w+)?$", name)
                groups.setdefault(os.path.join(folder, stem.group(1) if stem else name), []).append(
                    os.path.join(folder, name))
        for name, paths in sorted(groups.items()):
            # Files for the same CPU are traces of their own.
            incident, outcome = self.ingest(*paths)
            shown = os.path.relpath(name, root)
            rows = self.query(incident, "SELECT format, lines, events, skipped_lines FROM source") if os.path.exists(
                incident) else []
            if not rows:
                reason = outcome.stderr.strip().split(paths[0] + ": ")[-1]
                self.judge(outcome.returncode == 2 and len(reason) > 10, "%s: not used: %s" % (shown, reason))
                unused += 1
                continue
            got, skipped = sum(row["events"] for row in rows), sum(row["skipped_lines"] for row in rows)
            explained = sum(row["n"] for row in self.query(
                incident, "SELECT coalesce(sum(count), 0) AS n FROM problem WHERE severity = 'skipped' AND line IS NOT NULL"))
            own = independent(rows[0]["format"], paths)
            seen[rows[0]["format"]] += 1
            events += got
            counted += own is not None
            good = got > 0 and skipped <= explained and (own is None or own == got + skipped or own == got)
            self.judge(good, "%s: %s, events %d, counted here %s, skipped %d (explained %d)" % (
                shown, rows[0]["format"], got, "-" if own is None else own, skipped, explained))
        print("%s: %d sources read (%s), %d events; %d compared with a count made here; %d not used, each with a reason" % (
            title, sum(seen.values()), ", ".join("%s %d" % pair for pair in sorted(seen.items())), events, counted,
            unused), flush=True)

    def samples(self):
        self.files(os.path.join(self.options.shared, "samples"), "samples")

    def captures(self):
        root = os.path.join(self.options.shared, "traces")
        return [os.path.join(root, name) for name in sorted(os.listdir(root)) if os.path.isdir(os.path.join(root, name))]

    def traces(self):
        for capture in self.captures():
            self.files(capture, os.path.basename(capture))

    # One trace in several forms

    REQUEST = ("SELECT device, op, rwbs, sector, sectors, queued_ns, get_ns, inserted_ns, first_issued_ns, issued_ns, "
               "completed_ns, finished_ns, flush_ns, error, pid, comm FROM request JOIN source USING (source_id) "
               "WHERE duplicate_of IS NULL AND machine = '%s' ORDER BY 1, 4, 6, 7, 8, 9, 10, 11, 2, 3, 5")

    def forms(self):
        for capture in self.captures():
            sides = {}
            for side in ("guest", "host"):
                folder = os.path.join(capture, side)
                if not os.path.isdir(folder):
                    continue
                names = os.listdir(folder)
                texts = [os.path.join(folder, name) for name in names if re.match(r"blkparse.*\.txt", name)]
                sets = [os.path.join(folder, name) for name in names if ".blktrace." in name]
                if texts and sets:
                    sides[side] = (texts, sets)
            answers = {}
            for form in ("text", "binary", "both"):
                incident = self.fresh()
                for side, (texts, sets) in sides.items():
                    paths = {"text": texts, "binary": sets, "both": texts + sets}[form]
                    outcome = self.program("ingest", incident, *paths, "--" + side, side)
                    if outcome.returncode != 0:
                        raise RuntimeError(outcome.stderr.strip())
                self.program("correlate", incident)
                # The view `request` may list a duplicate's rows; the I/Os and hops must not.
                source = self.query(incident, "SELECT machine FROM source WHERE duplicate_of IS NULL")
                answers[form] = {
                    "sources": collections.Counter(row["machine"] for row in source),
                    "request": [self.query(incident, self.REQUEST.replace("machine =", "request.machine =") % side)
                                for side in sides],
                    "io": self.query(incident, (
                        "SELECT guest, device, op, rwbs, sector, sectors, queued_at_ns, completed_at_ns, "
                        "guest_scheduler_ns, virtio_queue_ns, virtio_submit_ns, virtio_return_ns, host_scheduler_ns, "
                        "hardware_queue_ns, block_ns, clock_error_ns, match_grade, match_reason, host_requests FROM io "
                        "ORDER BY 1, 2, 7, 5, 6, 3, 4, 8")),
                    "hop_summary": self.query(incident, "SELECT * FROM hop_summary ORDER BY guest, device, op, hop"),
                }
            for what in ("request", "io", "hop_summary"):
                for form in ("binary", "both"):
                    mine, other = answers["text"][what], answers[form][what]
                    count = sum(map(len, mine)) if what == "request" else len(mine)
                    good = mine == other
                    self.judge(good, "%s: %s of text and of %s %s (%d rows)" % (
                        os.path.basename(capture), what, form, "are the same" if good else "differ", count))
            print("forms: %s: %s; %d requests, %d I/Os, %d hops; text, binaries, both" % (
                os.path.basename(capture), " and ".join(sides), sum(map(len, answers["text"]["request"])),
                len(answers["text"]["io"]), len(answers["text"]["hop_summary"])), flush=True)

    # The scheduler

    def scheduler(self):
        for capture in self.captures():
            for side in ("guest", "host"):
                folder = os.path.join(capture, side)
                names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
                script = [name for name in names if re.match(r"perf-sched-script", name)]
                timehist = [name for name in names if re.match(r"perf-sched-timehist", name)]
                if not script or not timehist:
                    continue
                self.run_times(os.path.basename(capture) + "/" + side, os.path.join(folder, script[0]),
                               os.path.join(folder, timehist[0]))
            if os.path.exists(os.path.join(capture, "host", "qemu-task-schedstat.txt")):
                self.waits(capture)

    def run_times(self, name, script, timehist):
        incident, _ = self.ingest(script)
        ours = {}
        for row in self.query(incident, "SELECT tid, comm, sum(run_ns) AS run, count(*) AS n FROM thread_wait GROUP BY tid"):
            ours[row["tid"]] = row
        # `  2576.612884 [0001]  kworker/1:1[41]     0.000      0.003      0.012`: ms; the idle task is `<idle>`.
        line = re.compile(r"^ *(\d+\.\d+) +\[\d+\] +(.*?) +(\d+\.\d+) +(\d+\.\d+) +(\d+\.\d+)")
        sums, lines = collections.Counter(), collections.Counter()
        for text in content(timehist).decode("utf-8", "replace").splitlines():
            found = line.match(text)
            if not found or found.group(2).startswith("<idle>"):
                continue
            tid = re.search(r"\[(\d+)(?:/\d+)?\]$", found.group(2))
            if tid:
                sums[int(tid.group(1))] += round(float(found.group(5)) * 1e6)
                lines[int(tid.group(1))] += 1
        text = content(script).decode("utf-8", "replace")
        # Threads that end inside: timehist loses their last slice. Where a switch is missing in the trace, it
        # counts a thread's time over the hole, and ours leaves it out.
        ended, holes, current = set(), set(), {}
        for cpu, before, state, after in re.findall(
                r"\[(\d+)\] +\d+\.\d+: .*prev_pid=(\d+) prev_prio=-?\d+ prev_state=(\S+) ==> .*next_pid=(\d+)", text):
            if state[0] in "XZ":
                ended.add(int(before))
            # A text that was cut begins in the middle of a stay, too.
            if current.get(cpu) != before:
                holes |= {int(before), int(current.get(cpu, before))}
            current[cpu] = after
        compared, worst, off = 0, 0.0, []
        for tid, total in sorted(sums.items()):
            if tid in ended or tid in holes or tid not in ours:
                continue
            compared += 1
            # Each line is rounded to 1 us, and so is each stamp of the text without --ns.
            difference = abs(ours[tid]["run"] - total)
            worst = max(worst, difference / max(1, lines[tid]))
            if difference > 1000 * max(1, lines[tid]):
                off.append("%s:%d %.3f ms against %.3f ms in %d lines" % (
                    ours[tid]["comm"], tid, ours[tid]["run"] / 1e6, total / 1e6, lines[tid]))
        self.judge(not off and compared > 0, "%s: run time differs from timehist: %s" % (name, "; ".join(off[:5])))
        print("run time: %s: %d threads equal to timehist within 1 us a line (worst %.0f ns a line); %d ended inside, "
              "%d with switches missing" % (name, compared - len(off), worst, len(ended & set(sums)),
                                            len((holes - ended) & set(sums))), flush=True)

    WAIT = """
      WITH trace AS (
        SELECT source_id, offset_ns, first_ns + offset_ns AS from_ns, last_ns + offset_ns AS to_ns
        FROM clock JOIN source USING (source_id)
        WHERE source.layer = 'host' AND clock.tool_clock = 'perf' AND source.format = 'perf-sched'),
      sample AS (
        SELECT CAST(object AS INTEGER) AS tid, object, min(at_ns) AS from_ns, max(at_ns) AS to_ns,
          max(value) - min(value) AS delay_ns
        FROM counter_value, trace
        WHERE tool = 'task-schedstat' AND counter = 'wait_ns' AND object LIKE '% CPU %/KVM'
          AND at_ns BETWEEN trace.from_ns AND trace.to_ns
        GROUP BY object)
      SELECT object, delay_ns, to_ns - from_ns AS span_ns, (
        SELECT sum(min(thread_interval.to_ns + offset_ns, sample.to_ns)
          - max(thread_interval.from_ns + offset_ns, sample.from_ns))
        FROM thread_interval JOIN trace USING (source_id)
        WHERE thread_interval.tid = sample.tid AND kind = 'wait'
          AND thread_interval.to_ns + offset_ns > sample.from_ns
          AND thread_interval.from_ns + offset_ns < sample.to_ns) AS waited_ns,
        sample.from_ns - (SELECT offset_ns FROM trace) AS from_ns, sample.to_ns - (SELECT offset_ns FROM trace) AS to_ns
      FROM sample ORDER BY object"""

    def waits(self, capture):
        out = os.path.join(self.folder, "waits-" + os.path.basename(capture))
        self.program("analyze", capture, "-o", out)
        rows = self.query(os.path.join(out, "incident.db"), self.WAIT)
        script = [name for name in os.listdir(os.path.join(capture, "host")) if name.startswith("perf-sched-script")]
        stats = {}
        text = content(os.path.join(capture, "host", script[0])).decode("utf-8", "replace")
        for seconds, fraction, tid, delay in re.findall(
                r"(\d+)\.(\d{6}): +sched:sched_stat_wait: comm=.* pid=(\d+) delay=(\d+)", text):
            stats.setdefault(int(tid), []).append((int(seconds) * 10**9 + int(fraction) * 1000, int(delay)))
        self.judge(bool(rows), "%s: no sample of run_delay lies in the scheduler trace" % os.path.basename(capture))
        for row in rows:
            def beside(waited):
                return 100 * (waited / max(1, row["delay_ns"]) - 1)
            # Our waits begin with the waking, the kernel's when the thread is in the queue; sched_stat_wait of the
            # same trace says how much of ours that is. The event comes at the end of a wait.
            queued = sum(delay for at, delay in stats.get(int(row["object"].split()[0]), [])
                         if row["from_ns"] <= at <= row["to_ns"])
            good = min(abs(beside(row["waited_ns"])), abs(beside(queued))) <= 5
            text = "wait: %s: %s: ours %.3f s (%+.1f %%), in the queue %.3f s (%+.1f %%), run_delay %.3f s over %.1f s" % (
                os.path.basename(capture), row["object"], row["waited_ns"] / 1e9, beside(row["waited_ns"]),
                queued / 1e9, beside(queued), row["delay_ns"] / 1e9, row["span_ns"] / 1e9)
            if good:
                print(text, flush=True)
            self.judge(good, text)

    # Again

    def twice(self):
        for capture in self.captures():
            incident = self.fresh()
            for side in ("guest", "host"):
                self.program("ingest", incident, os.path.join(capture, side), "--" + side, side)
            with open(incident, "rb") as file:
                before = hashlib.sha256(file.read()).digest()
            said = [self.program("ingest", incident, os.path.join(capture, side), "--" + side, side)
                    for side in ("guest", "host") if os.path.isdir(os.path.join(capture, side))]
            with open(incident, "rb") as file:
                same = hashlib.sha256(file.read()).digest() == before
            good = same and all("nothing has changed" in " ".join(outcome.stdout.split()) for outcome in said)
            self.judge(good, "%s: %s" % (os.path.basename(capture), said[-1].stdout.strip()[-200:]))
            print("twice: %s: %s" % (os.path.basename(capture), "not a byte changed, and it says so" if good else "changed"),
                  flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build/release/hiddenq"))
    parser.add_argument("--shared", default=os.path.join(ROOT, "../shared"), help="the folder with samples/ and traces/")
    parts = ["samples", "traces", "forms", "scheduler", "twice"]
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--all", action="store_true", help="show what agrees, too")
    options = parser.parse_args()
    options.hiddenq = os.path.abspath(options.hiddenq)
    if not os.access(options.hiddenq, os.X_OK) or not os.path.isdir(options.shared):
        print("captures: needs %s ('make release') and %s" % (options.hiddenq, options.shared), file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="hiddenq-captures-") as folder:
        run = Run(options, folder)
        try:
            for part in parts:
                if part in options.only:
                    getattr(run, part)()
        except (OSError, RuntimeError) as error:
            print("captures: %s" % error, file=sys.stderr)
            return 2
        print("%s" % ("all agree" if run.wrong == 0 else "%d do not agree" % run.wrong))
        return 1 if run.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
