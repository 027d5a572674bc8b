#!/usr/bin/env python3
"""Damages whole captures, analyzes them, and checks what has to hold whatever the files say.

usage: mutate.py [--hiddenq PATH] [--tries N] [--seed N] [--only N] [--keep DIR] [--small] [--seconds N]
                 [--memory MIB]

Captures are Fixtures/kvm-noisy-cpu, collections of the other fixtures and of Fuzz/corpus, and what lies in
../shared/traces where that is; --small leaves the last out and shortens the first. Try N of a seed is
always the same; --only N repeats it alone, --keep DIR leaves the captures of those that broke a promise.
It ends after --seconds, if that comes first.

After `analyze` (status 0, 2 or 3 in time, within 512 MiB or what --memory says, and for 2 one sentence) it holds that:
 - every line is an event, or skipped with a reason, or of a kind that holds none, and none is two of these;
 - the hops of an I/O add up to its total to the nanosecond, and none but the two halves of the virtio queue,
   which depend on a clock, is below zero; these not by more than the clock may be off;
 - a host request has one request of a guest, unless it carried several;
 - sums, shares and quantiles fit to each other and to what they are made of;
 - the same files give the same incident and the same report, and reading them again adds nothing;
 - no command fails on the incident, and nothing that is printed holds a control character.

Exit status: 0 all held; 1 something did not; 2 it could not be run.
"""
import argparse
import collections
import glob
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

import mutations
import recordings

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
MOST_MIB = 512
MOST_SECONDS = 120

# Lines that hold an event in any reading; what else there is in a text may be a header or a notice.
EVENTS = {
    "blktrace": re.compile(rb"^\s*\d+,\d+\s+\d+\s+\d+\s+\d+\.\d{9}\s+\d+\s+[ABCDFGIMPQRSUX]\s+[RWDFNASMBUZ]+ "),
    "perf-sched": re.compile(rb"^\s*[\w/:.-]+\s+\d+ \[\d{3}\]\s+\d+\.\d{6}:\s+sched:sched_\w+: "),
}

# What must be empty, and what it would mean if it were not.
PROMISES = [
    ("the hops do not add up",
     """SELECT * FROM io WHERE virtio_queue_ns IS NOT NULL AND total_ns <> coalesce(page_cache_ns, 0)
        + guest_scheduler_ns + virtio_queue_ns + host_scheduler_ns + hardware_queue_ns"""),
    ("the total is not what its parts are",
     "SELECT * FROM io WHERE block_ns + coalesce(page_cache_ns, 0) <> total_ns"),
    ("a hop is below zero",
     """SELECT * FROM io WHERE min(coalesce(page_cache_ns, 0), coalesce(guest_scheduler_ns, 0), coalesce(virtio_queue_ns, 0),
        coalesce(host_scheduler_ns, 0), coalesce(hardware_queue_ns, 0), coalesce(block_ns, 0), coalesce(flush_ns, 0),
        coalesce(requeue_ns, 0), coalesce(clock_error_ns, 0)) < 0"""),
    ("the host had it before the guest gave it, or longer",
     "SELECT * FROM io WHERE min(virtio_submit_ns, virtio_return_ns) < -clock_error_ns - 2"),
    # Beside a step of the clock one half may be unclear. Then there is no total.
    ("half of the virtio queue is not observed, away from a step or with a total",
     """SELECT * FROM io WHERE (virtio_submit_ns IS NULL) <> (virtio_return_ns IS NULL)
        AND (virtio_queue_ns IS NOT NULL OR block_ns IS NOT NULL
          OR (SELECT max(segment) FROM clock WHERE machine = guest) = 0)"""),
    ("it waited longer for a CPU than it took",
     """SELECT * FROM io WHERE submit_cpu_wait_ns > max(virtio_submit_ns, 0) + 2 * clock_error_ns + 2
        OR return_cpu_wait_ns > max(virtio_return_ns, 0) + 2 * clock_error_ns + 2
        OR min(submit_cpu_wait_ns, return_cpu_wait_ns) < 0"""),
    ("a grade does not fit what was found",
     """SELECT * FROM io WHERE (match_grade = 'unmatched') <> (match_reason IS NOT NULL AND match_reason <> 'absorbed')
        OR (match_grade IN ('exact', 'split') AND host_request_id IS NULL)"""),
    ("a host request is the only one of several requests of a guest",
     """SELECT host_request_id FROM io JOIN request USING (request_id)
        WHERE match_grade IN ('exact', 'split') AND leading
        GROUP BY host_request_id, guest, segment HAVING count(DISTINCT request_id) > 1"""),
    ("a host request is on a guest, or a guest's on a host",
     """SELECT * FROM io JOIN request AS g ON g.request_id = io.request_id
        LEFT JOIN request AS h ON h.request_id = io.host_request_id
        WHERE g.layer <> 'guest' OR h.layer <> 'host' OR h.completed_ns < h.issued_ns"""),
    ("the direction changes on the way",
     """SELECT * FROM io JOIN request AS h ON h.request_id = io.host_request_id
        WHERE io.op <> h.op AND 'flush' NOT IN (io.op, h.op) AND 'other' NOT IN (io.op, h.op)"""),
    ("quantiles are not in order",
     """SELECT * FROM hop_summary WHERE NOT (p50_ns <= p90_ns AND p90_ns <= p99_ns AND p99_ns <= p999_ns
        AND p999_ns <= max_ns) OR mean_ns > max_ns + 1 OR count <= 0"""),
    ("quantiles of block stages are not in order",
     """SELECT * FROM stage WHERE NOT (min_ns <= p50_ns AND p50_ns <= p99_ns AND p99_ns <= max_ns)
        OR mean_ns < min_ns - 1 OR mean_ns > max_ns + 1 OR count <= 0 OR min_ns < 0"""),
    ("there are more I/Os in a summary than there are",
     """SELECT * FROM hop_summary JOIN (SELECT guest, device, count(*) AS ios FROM io GROUP BY 1, 2)
        USING (guest, device) WHERE op = 'all' AND count > ios"""),
    ("a share is none",
     """SELECT 1 FROM hop_summary WHERE hop NOT IN ('virtio_submit', 'virtio_return') AND share_of_total NOT BETWEEN 0 AND 1.000001
        UNION ALL SELECT 2 FROM culprit WHERE share NOT BETWEEN 0 AND 1.000001
        UNION ALL SELECT 3 FROM numa_placement WHERE run_share NOT BETWEEN 0 AND 1 OR memory_share NOT BETWEEN 0 AND 1
          OR remote_share NOT BETWEEN 0 AND 1
        UNION ALL SELECT 4 FROM net_path WHERE drop_rate NOT BETWEEN 0 AND 1
        UNION ALL SELECT 5 FROM queue_depth WHERE little_residual NOT BETWEEN 0 AND 1
        UNION ALL SELECT 6 FROM numa_counter WHERE remote_ratio NOT BETWEEN 0 AND 1
        UNION ALL SELECT 7 FROM steal WHERE host_measured_pct NOT BETWEEN 0 AND 100.0001
          OR guest_reported_pct NOT BETWEEN 0 AND 100.0001"""),
    ("a what-if makes it slower", "SELECT * FROM what_if WHERE without_ns > now_ns OR without_ns < 0"),
    ("a thread's sums do not fit",
     """SELECT * FROM thread_wait WHERE run_ns < 0 OR wait_ns < 0 OR max_wait_ns > wait_ns OR p99_wait_ns > max_wait_ns
        OR (waits = 0) <> (max_wait_ns IS NULL) OR (waits = 0 AND wait_ns > 0) OR (runs = 0 AND run_ns > 0)"""),
    ("the culprits of a wait do not add up to it",
     """SELECT victim_thread_id FROM culprit GROUP BY victim_thread_id HAVING sum(wait_ns)
        <> (SELECT wait_ns FROM thread_wait WHERE thread_id = victim_thread_id)"""),
    ("a queue holds less than nothing, or more in the mean than at most",
     "SELECT * FROM queue_depth WHERE mean_depth < 0 OR mean_depth > max_depth + 1e-6 OR arrivals < 0 OR interval_ns <= 0"),
    ("a request ends before it begins",
     """SELECT * FROM request WHERE NOT clock_stepped
        AND (completed_ns < issued_ns OR issued_ns < first_issued_ns OR flush_ns < 0 OR sectors < 0)"""),
    ("a clock's error is below zero", "SELECT * FROM clock WHERE error_ns < 0 OR from_ns > to_ns OR abs(drift_ppm) > 200.5"),
    ("counters go backwards", "SELECT * FROM net_path WHERE min(packets, drops, requeues, stops, kicks) < 0"),
    ("a problem without a reason", "SELECT * FROM problem WHERE count <= 0 OR advice = ''"),
    ("lines were skipped without a reason, or for one that is none",
     """SELECT source_id, skipped_lines FROM source WHERE NOT refused AND skipped_lines <> (
        SELECT total(count) FROM problem WHERE problem.source_id = source.source_id AND severity = 'skipped')"""),
    ("a trace ends before it begins", "SELECT * FROM source WHERE first_ns > last_ns OR events < 0 OR lost_events < 0"),
    ("a source is a copy of a copy",
     """SELECT * FROM source JOIN source AS first ON first.source_id = source.duplicate_of
        WHERE first.duplicate_of IS NOT NULL"""),
]


# MARK: Captures


def read(path):
    with open(path, "rb") as file:
        return file.read()


def below(folder, most=1 << 22):
    """The files of a capture, those of machines only."""
    capture = {}
    for path in sorted(glob.glob(os.path.join(folder, "*", "*"))):
        machine = os.path.basename(os.path.dirname(path))
        if machine.startswith(("guest", "host")) and os.path.isfile(path) and os.path.getsize(path) < most:
            capture["%s/%s" % (machine, os.path.basename(path))] = read(path)
    return capture


def noisy_cpu(source, small):
    capture = below(os.path.join(ROOT, "Fixtures", "kvm-noisy-cpu"))
    if small:
        # The same stretch of time on both sides.
        capture = {path: b"".join(data.splitlines(keepends=True)[:2500]) for path, data in capture.items()}
    return capture


def collection(source, small):
    """Files that have nothing to do with each other, as if they were of two machines."""
    capture = {}
    fixtures = sorted(glob.glob(os.path.join(ROOT, "Fixtures", "*", "*", "input*")))
    corpus = sorted(glob.glob(os.path.join(HERE, "corpus", "*", "*")))
    binary = [data for family in ("perf-data", "trace-dat") for data in recordings.seeds(family)]
    for number in range(source.randint(2, 12)):
        if source.random() < 0.2:
            capture["%s/%d.data" % (source.choice(("guest-a", "host-a")), number)] = source.choice(binary)
            continue
        path = source.choice(source.choice((fixtures, corpus)))
        # The first byte of what is in the corpus picks a format.
        data = read(path)[1 if path in corpus else 0:]
        capture["%s/%d-%s.txt" % (source.choice(("guest-a", "host-a")), number, os.path.basename(path)[:12])] = data
    return capture


def real(folder):
    def make(source, small):
        return below(folder)
    return make


def captures(small):
    """Functions that make one, the common ones more than once."""
    found = [noisy_cpu, noisy_cpu, collection]
    if not small:
        for folder in sorted(glob.glob(os.path.join(ROOT, "..", "shared", "traces", "*", ""))):
            found.append(real(folder))
    return found


# MARK: A try


class Try:
    def __init__(self, program, number, seed, small):
        self.program, self.number = program, number
        source = random.Random(seed * 1_000_003 + number)
        make = source.choice(captures(small))
        self.capture = make(source, small)
        self.done = mutations.mutate(self.capture, source)
        self.broken = []
        self.peak = 0
        self.status = None

    def run(self, arguments, statuses):
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [self.program] + arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                env=dict(os.environ, SWIFT_BACKTRACE="enable=no"))
            begin = time.time()
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                if time.time() - begin > MOST_SECONDS:
                    process.kill()
                    os.wait4(process.pid, 0)
                    self.broken.append("%s: hangs" % arguments[0])
                    return None, "", ""
                time.sleep(0.005)
            output.seek(0)
            errors.seek(0)
            output, errors = output.read(), errors.read().decode(errors="replace")
        status = os.waitstatus_to_exitcode(status)
        self.peak = max(self.peak, usage.ru_maxrss >> 10)
        if status not in statuses:
            self.broken.append("%s: status %s %s" % (arguments[0], status, errors.strip()[-300:]))
        said = errors.strip().splitlines()
        # Before the sentence stand the reasons of the files, where there are several.
        if status == 2 and (sum(line.startswith("hiddenq: ") for line in said) != 1
                            or len(said) > 1 and not said[0].startswith("Not used: ")):
            self.broken.append("%s: not one sentence: %s" % (arguments[0], errors.strip()[:300]))
        for name, data in (("output", output), ("errors", errors.encode())):
            if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", data.replace(b"\r\n", b"\n")):
                self.broken.append("%s: control characters in its %s" % (arguments[0], name))
        return status, output, errors

    def check(self, folder, thorough):
        files = os.path.join(folder, "in")
        for path, data in self.capture.items():
            os.makedirs(os.path.dirname(os.path.join(files, path)), exist_ok=True)
            with open(os.path.join(files, path), "wb") as file:
                file.write(data)
        out = os.path.join(folder, "out")
        self.status, report, _ = self.run(["analyze", files, "-o", out], (0, 2, 3))
        if self.peak > MOST_MIB:
            self.broken.append("it took %d MiB" % self.peak)
        incident = os.path.join(out, "incident.db")
        if self.status not in (0, 3) or self.broken or not os.path.exists(incident):
            return
        self.run(["check", incident], (0,))
        self.check_views(incident)
        self.check_lines(incident, files)
        if thorough:
            self.check_again(folder, files, out, report)

    def check_views(self, incident):
        connection = sqlite3.connect(incident)
        for meaning, query in PROMISES:
            row = connection.execute("SELECT * FROM (%s) LIMIT 1" % query).fetchone()
            if row is not None:
                self.broken.append("%s: %s" % (meaning, row))
        connection.close()

    def check_lines(self, incident, files):
        """No line is lost on the way: lines as anybody counts them."""
        connection = sqlite3.connect(incident)
        rows = connection.execute(
            "SELECT path, format, lines, events, skipped_lines FROM source WHERE NOT refused").fetchall()
        connection.close()
        for path, form, lines, events, skipped in rows:
            data = self.capture.get(os.path.relpath(path, files))
            if data is None or data[:2] == b"\x1f\x8b" or form not in EVENTS or data[:4].hex() in ("07746165", "65617407"):
                continue
            if (form, data[:1]) == ("blktrace", b"\x07"):
                continue
            text = data.split(b"\n")
            if not text[-1]:
                text.pop()
            if lines != len(text):
                self.broken.append("%s: %d lines, and %d are counted" % (path, len(text), lines))
            if events + skipped > lines:
                self.broken.append("%s: %d events and %d skipped in %d lines" % (path, events, skipped, lines))
            sure = sum(1 for line in text if EVENTS[form].match(line))
            if events + skipped < sure:
                self.broken.append("%s: %d lines are events; %d used and %d skipped" % (path, sure, events, skipped))

    def check_again(self, folder, files, out, report):
        again = os.path.join(folder, "again")
        self.run(["analyze", files, "-o", again], (self.status,))
        for name in ("report.md", "report.html"):
            if read(os.path.join(out, name)).replace(out.encode(), b"") != read(
                    os.path.join(again, name)).replace(again.encode(), b""):
                self.broken.append("another %s from the same files" % name)
        incident = os.path.join(out, "incident.db")
        dump = list(sqlite3.connect(incident).iterdump())
        if dump != list(sqlite3.connect(os.path.join(again, "incident.db")).iterdump()):
            self.broken.append("another incident from the same files")
        self.run(["ingest", incident, files], (0, 2))
        if dump != list(sqlite3.connect(incident).iterdump()):
            self.broken.append("the same files again change something")
        for arguments in (["report", incident, "--format", "json"], ["findings", incident], ["show", incident, "slowest"],
                          ["compare", incident, os.path.join(again, "incident.db")],
                          ["export", incident, "--format", "perfetto", "-o", os.path.join(folder, "trace")],
                          ["export", incident, "--format", "jsonl", "-o", os.path.join(folder, "views")]):
            self.run(arguments, (0, 1, 3) if arguments[0] != "compare" else (0, 3))


def main():
    global MOST_MIB
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build", "release", "hiddenq"))
    parser.add_argument("--tries", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--keep")
    parser.add_argument("--memory", type=int, default=512)
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    if options.help:
        print(__doc__.strip())
        return 0
    program = os.path.abspath(options.hiddenq)
    if not os.access(program, os.X_OK):
        print("mutate: there is no %s; build it first" % program)
        return 2
    MOST_MIB = options.memory
    begin = time.time()
    ends, kinds, broken, peak, count = collections.Counter(), collections.Counter(), 0, 0, 0
    for number in range(options.tries) if options.only is None else [options.only]:
        if time.time() - begin > options.seconds:
            break
        one = Try(program, number, options.seed, options.small)
        folder = tempfile.mkdtemp(prefix="hiddenq-mutate-")
        try:
            one.check(folder, thorough=options.only is not None or number % 4 == 0)
            count += 1
            peak = max(peak, one.peak)
            ends["status %s" % one.status] += 1
            kinds.update(what.split("(")[0] for what in one.done)
            if one.broken:
                broken += 1
                print("try %d of seed %d: %s" % (number, options.seed, "; ".join(one.done)))
                for what in one.broken:
                    print("    %s" % what[:500])
                sys.stdout.flush()
                if options.keep:
                    to = os.path.join(options.keep, "%d-%d" % (options.seed, number))
                    shutil.rmtree(to, ignore_errors=True)
                    shutil.copytree(folder, to)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print("%d captures damaged (%s)" % (count, ", ".join("%s %d" % pair for pair in sorted(kinds.items()))))
    print("%s; peak %d MiB; %s" % (
        ", ".join("%s: %d" % pair for pair in sorted(ends.items())), peak,
        "%d broke a promise" % broken if broken else "all promises held"))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
