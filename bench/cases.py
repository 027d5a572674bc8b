#!/usr/bin/env python3
"""Runs hiddenq on small inputs that it once read wrongly, and compares with the right answers.

usage: cases.py [--hiddenq PATH] [--cases DIR] [--only WORD...]

DIR (default ../shared/cases) holds the inputs, one folder per case, and EXPECTED.tsv files that state each right
answer in words; the checks below state the same in numbers. Each case prints one line: ok, or what differs.

Exit status: 0 all as expected; 1 some differ; 2 it could not be run.
"""
import argparse
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CASES = []


def case(name):
    """Registers a check under the name of its case: `block/01-...` or `counters/01-...`."""
    def register(function):
        CASES.append((name, function))
        return function
    return register


class Differs(Exception):
    """What a case got and what it should have got."""


class Run:
    """One case's folder of inputs and a scratch folder."""

    def __init__(self, program, inputs, scratch):
        self.program, self.inputs, self.scratch = program, inputs, scratch
        self.incident = os.path.join(scratch, "incident.db")

    def path(self, name):
        return os.path.join(self.inputs, name)

    def hiddenq(self, *arguments, statuses=(0,)):
        """Runs the program; its output and errors as one text of single blanks. `statuses` None: any."""
        done = subprocess.run([self.program, *arguments], cwd=self.scratch, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        self.status, self.output = done.returncode, done.stdout
        self.words = " ".join((done.stdout + "\n" + done.stderr).split())
        if statuses is not None and done.returncode not in statuses:
            raise Differs(f"hiddenq {' '.join(arguments)[:80]}: status {done.returncode}: {self.words[:200]}")
        return self.words

    def ingest(self, name, machine="--guest", statuses=(0,)):
        return self.hiddenq("ingest", self.incident, self.path(name), machine, "m", statuses=statuses)

    def rows(self, sql):
        self.hiddenq("correlate", self.incident, statuses=(0, 3))
        with sqlite3.connect(f"file:{self.incident}?mode=ro", uri=True) as db:
            return db.execute(sql).fetchall()

    def finding(self, code):
        """severity, confidence, sentence, because, next_step of the first finding with this code."""
        found = self.rows("SELECT severity, confidence, sentence, because, next_step FROM finding "
                          f"WHERE code = '{code}'")
        if not found:
            raise Differs(f"no finding {code}; there are {self.rows('SELECT group_concat(code) FROM finding')[0][0]}")
        return found[0]


def equal(what, got, expected):
    if got != expected:
        raise Differs(f"{what}: {got!r}, expected {expected!r}")


def near(what, got, expected, part=0.0005):
    if got is None or abs(got - expected) > abs(expected) * part:
        raise Differs(f"{what}: {got!r}, expected {expected!r}")


def has(what, text, *patterns):
    for pattern in patterns:
        if not re.search(pattern, text or "", re.IGNORECASE):
            raise Differs(f"{what}: no /{pattern}/ in {(text or '')[:240]!r}")


def lacks(what, text, *patterns):
    for pattern in patterns:
        if re.search(pattern, text or "", re.IGNORECASE):
            raise Differs(f"{what}: /{pattern}/ in {(text or '')[:240]!r}")


def stage(run, name):
    found = run.rows(f"SELECT count, mean_ns FROM stage WHERE stage = '{name}'")
    return (sum(row[0] for row in found), sum(row[0] * row[1] for row in found)) if found else (0, 0)


# MARK: - Block and scheduler text

@case("block/01-wrapped-time")
def wrapped_time(run):
    run.ingest("trace.txt")
    equal("request 4096", run.rows("SELECT queued_ns, issued_ns, completed_ns FROM request WHERE sector = 4096"),
          [(-101000, -90000, -40000)])
    equal("span", run.rows("SELECT last_ns - first_ns FROM source"), [(451000,)])
    for name, count, mean in (("Q2Q", 2, 200500), ("D2C", 3, 42000)):
        equal(name, stage(run, name), (count, count * mean))


@case("block/02-ctrl-c")
def control_c(run):
    run.ingest("event.txt")
    equal("events, skipped", run.rows("SELECT events, skipped_lines FROM source"), [(150, 0)])
    equal("D2C", stage(run, "D2C"), (30, 1140000))
    os.remove(run.incident)
    run.ingest("summary.txt")
    equal("events, skipped", run.rows("SELECT events, skipped_lines FROM source"), [(25, 0)])


@case("block/03-split-blkparse-1.3")
def split(run):
    rows = []
    for name in ("app.blktrace.0", "text-of-blkparse-1.3.0.txt"):
        run.ingest(name, "--host")
        rows.append(run.rows("SELECT op, sector, sectors, queued_ns, get_ns, inserted_ns, issued_ns, completed_ns, error "
                             "FROM request ORDER BY queued_ns, sector"))
        equal(name + ": D to C", run.rows("SELECT count(completed_ns - issued_ns), sum(completed_ns - issued_ns) FROM request"),
              [(25, 2350000)])
        os.remove(run.incident)
    equal("requests of the text", rows[1], rows[0])
    equal("requests", len(rows[0]), 25)


@case("block/04-compare-spans")
def spans(run):
    for name in ("short", "day"):
        run.hiddenq("ingest", os.path.join(run.scratch, name + ".db"), run.path(name + ".txt"), "--guest", "g")
    started = time.monotonic()
    words = run.hiddenq("compare", "short.db", "day.db", statuses=(0, 1, 2, 3))
    if time.monotonic() - started > 30:
        raise Differs(f"compare took {time.monotonic() - started:.0f} s")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    if peak > 200:
        raise Differs(f"a command took {peak} MiB")
    has("compare", words, "better|worse|no difference shown|cannot tell|not comparable")


@case("block/05-blkparse-s")
def per_process(run):
    run.ingest("blkparse-s.txt", "--host")
    equal("events, skipped", run.rows("SELECT events, skipped_lines FROM source"), [(125, 0)])


@case("block/06-issue-complete-only")
def issue_complete(run):
    run.ingest("perf.txt")
    report = run.hiddenq("report", run.incident, statuses=(0, 3))
    count, mean, top = run.rows("SELECT count, mean_ns, max_ns FROM stage WHERE stage = 'D2C'")[0]
    equal("count", count, 200)
    near("mean", mean, 4297000)
    equal("max", top, 4600000)
    near("hop", run.rows("SELECT mean_ns FROM hop_summary WHERE hop = 'below_guest' AND op = 'read'")[0][0], 4297000)
    has("report", report, r"Q\b.{0,60}not (traced|observed)|no Q")
    os.remove(run.incident)
    run.ingest("blkparse.txt", "--host")
    report = run.hiddenq("report", run.incident, statuses=(0, 3))
    count, total = stage(run, "D2C")
    equal("host count", count, 50)
    near("host mean", total / count, 4294000)
    has("host report", report, r"4\.29")


@case("block/07-flush-bio-device")
def flush(run):
    run.ingest("dm.txt")
    equal("flushes", [row[0] for row in run.rows(
        "SELECT (completed_ns - queued_ns) / 1000000 FROM request WHERE op = 'flush' ORDER BY queued_ns")], [4, 8, 12, 16, 20])
    equal("unpaired", run.rows("SELECT count(*) FROM problem WHERE kind = 'unpaired_event'"), [(0,)])


@case("block/08-shifted-prev-state")
def shifted(run):
    run.ingest("perf.txt", "--host")
    waits = dict(run.rows("SELECT comm, wait_ns FROM thread_wait"))
    near("CPU 0/KVM waited", waits.get("CPU 0/KVM"), 400e6)
    near("burn waited", waits.get("burn"), 200e6)
    equal("waits", run.rows("SELECT waits FROM thread_wait WHERE comm = 'CPU 0/KVM'"), [(20,)])
    has("problem", str(run.rows("SELECT kind, advice FROM problem")), "state")


@case("block/09-host-sched-alone")
def sched_alone(run):
    run.ingest("sched.txt", "--host")
    severity, confidence, sentence, _, _ = run.finding("STEAL_HIDDEN")
    if severity == "info" or confidence == "none":
        raise Differs(f"STEAL_HIDDEN is {severity}, {confidence}: {sentence}")
    has("STEAL_HIDDEN", sentence, r"39\.[78]|396")
    has("NOISY_CPU_NEIGHBOUR", run.finding("NOISY_CPU_NEIGHBOUR")[2], "burn")


@case("block/10-no-completions")
def no_completions(run):
    run.ingest("set")
    severity, _, sentence, because, step = run.finding("TRACE_INCOMPLETE")
    equal("severity", severity, "warning")
    has("TRACE_INCOMPLETE", " ".join(str(row) for row in run.rows(
        "SELECT sentence, because, next_step FROM finding WHERE code = 'TRACE_INCOMPLETE'")), r"\b60\b", r"CPU 1\b")
    os.remove(run.incident)
    run.ingest("text-without-C.txt")
    severity, _, sentence, _, _ = run.finding("TRACE_INCOMPLETE")
    equal("severity", severity, "warning")
    has("TRACE_INCOMPLETE", sentence, r"\b60\b")


@case("block/11-io-errors")
def io_errors(run):
    run.ingest("trace.txt")
    _, _, sentence, _, _ = run.finding("IO_ERRORS")
    has("IO_ERRORS", sentence, r"\b3 of", r"\b100\b", "EIO|-5")
    has("report", run.hiddenq("report", run.incident, statuses=(0, 3)), "2368|EIO")


@case("block/12-trace-cmd-ts-diff")
def ts_diff(run):
    run.ingest("report.txt", "--host")
    equal("events", run.rows("SELECT events FROM source"), [(40,)])
    equal("app", run.rows("SELECT run_ns, wait_ns, waits FROM thread_wait WHERE comm = 'app'"),
          [(50000000, 40000000, 10)])


@case("block/13-trace-cmd-two-machines")
def two_machines(run):
    words = run.ingest("report.txt", "--host", statuses=(0, 2))
    if run.status == 2:
        has("refusal", words, "trace-web1.dat|two machines|several", r"trace-cmd report|-i ")
    else:
        names = [row[0] for row in run.rows("SELECT comm FROM thread_wait")]
        lacks("threads of the host", str(names), "'db'", "'cron'")
        equal("CPU 0/KVM", run.rows("SELECT run_ns, wait_ns FROM thread_wait WHERE comm = 'CPU 0/KVM'"),
              [(200000000, 40000000)])


@case("block/14-annotated-excerpt")
def excerpt(run):
    run.ingest("trace.txt")
    equal("events, skipped", run.rows("SELECT events, skipped_lines FROM source"), [(30, 0)])


@case("block/15-query-after-ingest")
def query(run):
    for name, option in (("host", "--host"), ("guest", "--guest")):
        run.hiddenq("ingest", run.incident, run.path(name + ".txt"), option, name)
    words = run.hiddenq("query", run.incident, "SELECT count(*) FROM io", "--format", "csv", statuses=None)
    if run.status == 0:
        equal("count(*) FROM io", words.split()[-1], "80")
    else:
        has("message", words, "correlate")


# MARK: - Counters

@case("counters/01-vmstat-without-dates")
def undated(run):
    run.hiddenq("analyze", run.inputs, "-o", "out", statuses=(0, 3))
    run.incident = os.path.join(run.scratch, "out", "incident.db")
    severity, confidence, sentence, because, _ = run.finding("STEAL_HIDDEN")
    equal("severity, confidence", (severity, confidence), ("warning", "low"))
    has("sentence", sentence, r"30\.0 %", r"60\.0 %", r"\b6 samples")
    lacks("sentence", sentence + because, "neither", "is there$")
    run.hiddenq("findings", run.incident, "--fail-on", "warning", statuses=(1,))


@case("counters/02-iowait-one-tick-back")
def iowait(run):
    run.ingest("guest/stat.txt")
    row = run.rows("SELECT delta, is_reset FROM counter_value WHERE counter = 'iowait' AND kind = 'machine' "
                   "AND wall_ns = 1760000030000000000")
    if not row or row[0][0] not in (0, -1, None) or row[0][1]:
        raise Differs(f"iowait at 1760000030: {row}, expected a step of -1 or 0 and no reset")
    said = str(run.rows("SELECT kind, excerpt, advice FROM problem"))
    lacks("problem", said, "counter_reset", "reboot")
    has("problem", said, "iowait")
    severity, confidence, sentence, because, step = run.finding("STEAL_HIDDEN")
    equal("severity, confidence", (severity, confidence), ("critical", "medium"))
    has("sentence", sentence, r"30\.0 %")
    lacks("next step", step, "twice")


@case("counters/03-ethtool-file-per-interface")
def interfaces(run):
    run.hiddenq("analyze", run.inputs, "-o", "out", statuses=(0, 3))
    lacks("report", run.words, r"24,963,000")
    run.incident = os.path.join(run.scratch, "out", "incident.db")
    equal("objects", run.rows("SELECT count(DISTINCT substr(object, 1, 4)) FROM counter_value"), [(2,)])
    equal("growth", run.rows("SELECT coalesce(sum(delta), 0) FROM counter_value"), [(0,)])


@case("counters/04-one-reading-of-a-tap")
def one_reading(run):
    run.ingest("host/ip.txt", "--host")
    _, confidence, sentence, _, _ = run.finding("NET_DROP_BEFORE_WIRE")
    has("sentence", sentence, "tap1", "11,155,280", r"12\.0 %")
    lacks("sentence", sentence, "no file counts")


@case("counters/05-ena-allowance-exceeded")
def allowance(run):
    run.ingest("guest/ethtool.txt")
    has("sentence", run.finding("NET_DROP_BEFORE_WIRE")[2], "bw_in_allowance_exceeded", "3,240,329")
    equal("nature", run.rows("SELECT DISTINCT nature FROM counter_value WHERE counter = 'conntrack_allowance_available'"),
          [("level",)])
    equal("resets", run.rows("SELECT count(*) FROM problem WHERE kind = 'counter_reset'"), [(0,)])


@case("counters/06-cgroup-files-are-not-proc-vmstat")
def cgroup(run):
    said = run.hiddenq("analyze", run.inputs, "-o", "out", statuses=(0, 3))
    run.incident = os.path.join(run.scratch, "out", "incident.db")
    formats = dict((os.path.basename(path), name) for path, name in run.rows("SELECT path, format FROM source"))
    equal("vmstat.txt", formats.get("vmstat.txt"), "proc-vmstat")
    for name in ("cgroup.stat", "cpu.stat", "memory.oom_control"):
        lacks(name, formats.get(name, ""), "vmstat")
    equal("oom_kill", run.rows("SELECT DISTINCT value FROM counter_value WHERE counter = 'oom_kill'"), [(3,)])
    has("output", said, "cgroup")


@case("counters/07-libvirt-log")
def libvirt(run):
    run.ingest("host/web1.log", "--host")
    equal("format, skipped", run.rows("SELECT format, skipped_lines FROM source"), [("qemu-cmdline", 0)])
    equal("options", run.rows("SELECT events FROM source"), [(7,)])


@case("counters/08-bare-command-before-output")
def bare(run):
    run.ingest("guest/vmstat.txt")
    run.ingest("guest/numactl.txt")
    equal("skipped", run.rows("SELECT sum(skipped_lines) FROM source"), [(0,)])
    # The first of the six averages since boot.
    equal("rows", run.rows("SELECT events FROM source WHERE format = 'vmstat'"), [(6,)])
    equal("samples", run.rows("SELECT count(*) FROM vm_counter"), [(5,)])
    equal("notices", run.rows("SELECT kind, count FROM problem WHERE kind = 'tool_notice'"), [("tool_notice", 1)] * 2)


@case("counters/09-analyze-keeps-its-reasons")
def reasons(run):
    words = run.hiddenq("analyze", run.inputs, "-o", "out", statuses=(2,))
    has("message", words, "iostat")


@case("counters/10-names-of-other-tools")
def names(run):
    has("freebsd-vmstat", run.ingest("in/freebsd-vmstat.txt", statuses=(2,)), "FreeBSD")
    # Read by now, under the tool's own name.
    has("pidstat", run.ingest("in/pidstat.txt"), "pidstat")
    equal("pidstat", run.rows("SELECT DISTINCT format FROM source"), [("pidstat",)])
    words = run.ingest("in/domstats.txt", "--host", statuses=(0, 2))
    if run.status == 2:
        has("domstats", words, "domstats")


@case("counters/11-solaris-vmstat")
def solaris(run):
    has("refusal", run.ingest("guest/vmstat.txt", statuses=(2,)), "Solaris")


@case("counters/12-task-schedstat-says-nothing")
def tasks(run):
    run.ingest("host/tasks.txt", "--host")
    report = run.hiddenq("report", run.incident, statuses=(0, 3))
    has("report", report, r"35\.0 %", r"CPU 0/KVM")
    has("report", report, r"4\.0+ s|4,?000", r"3\.0+ s|3,?000")


@case("counters/13-ethtool-grep-loop")
def grep_loop(run):
    run.ingest("guest/e.txt")
    equal("growth", run.rows("SELECT DISTINCT object, counter, sum(delta) FROM counter_value WHERE nature = 'total' "
                             "GROUP BY object, counter HAVING sum(delta) > 0")[0][2], 2)
    has("object", str(run.rows("SELECT DISTINCT object FROM counter_value")), "eth0")


@case("counters/14-date-line-with-zone-before-vmstat")
def zone(run):
    run.ingest("guest/vmstat.txt")
    report = run.hiddenq("report", run.incident, statuses=(0, 3))
    has("report", report, "UTC")
    lacks("report", report, "10:15:01 to 10:15:01", "local time")


@case("counters/15-a-directory-with-thousands-of-other-files")
def thousands(run):
    folder = os.path.join(run.scratch, "sos")
    subprocess.run(["sh", run.path("make.sh"), folder], check=True)
    run.hiddenq("analyze", folder, "-o", "out", statuses=(0, 3))
    has("output", run.words, r"1,?500")
    named = len(re.findall(r"guest/proc/\d+/cgroup", run.output))
    if named > 20:
        raise Differs(f"{named} of the 1,500 files are named one by one")


@case("counters/16-diskstats-before-2.6.25")
def diskstats(run):
    run.ingest("host/d.txt", "--host")
    # Objects bear the number of the device as well: `8,1 sda1`.
    objects = [name.split()[-1] for name, in run.rows("SELECT DISTINCT object FROM counter_value ORDER BY object")]
    equal("objects", objects, ["sda", "sda1", "sda2"])
    equal("sda1", dict(run.rows("SELECT counter, value FROM counter_value WHERE object LIKE '% sda1' OR object = 'sda1'")),
          {"reads": 5024, "sectors_read": 46400, "writes": 6662, "sectors_written": 13324})


@case("counters/17-vmstat-s-of-procps-4.0.5")
def procps(run):
    run.ingest("guest/vmstat_s.txt")
    equal("skipped", run.rows("SELECT skipped_lines FROM source"), [(0,)])
    nature = run.rows("SELECT DISTINCT nature, unit FROM counter_value WHERE counter LIKE '%paged%in%' OR counter = 'pgpgin'")
    equal("K paged in", [row[0] for row in nature], ["total"])


@case("counters/18-supportconfig")
def supportconfig(run):
    run.hiddenq("analyze", run.inputs, "-o", "out", statuses=(0, 3))
    run.incident = os.path.join(run.scratch, "out", "incident.db")
    equal("rows", run.rows("SELECT count(*), max(st) FROM vm_counter"), [(3, 30)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build", "release", "hiddenq"))
    parser.add_argument("--cases", default=os.path.join(ROOT, "..", "shared", "cases"))
    parser.add_argument("--only", nargs="*", default=[])
    arguments = parser.parse_args()
    if not os.path.isdir(arguments.cases):
        print(f"cases.py: skipped: {arguments.cases} is not there")
        return 0
    if not os.access(arguments.hiddenq, os.X_OK):
        print(f"cases.py: no program {arguments.hiddenq}; give --hiddenq", file=sys.stderr)
        return 2
    known = {name for name, _ in CASES}
    differing = 0
    for kind in ("block", "counters"):
        for name in sorted(os.listdir(os.path.join(arguments.cases, kind))):
            if os.path.isdir(os.path.join(arguments.cases, kind, name)) and f"{kind}/{name}" not in known:
                print(f"{kind}/{name}: no check is written for it")
                differing += 1
    for name, function in CASES:
        inputs = os.path.abspath(os.path.join(arguments.cases, name))
        if arguments.only and not any(word in name for word in arguments.only):
            continue
        if not os.path.isdir(inputs):
            print(f"{name}: skipped: its files are not there")
            continue
        scratch = tempfile.mkdtemp(prefix="hiddenq-cases-")
        try:
            function(Run(os.path.abspath(arguments.hiddenq), inputs, scratch))
            print(f"{name}: ok")
        except (Differs, sqlite3.Error, subprocess.TimeoutExpired, IndexError, TypeError) as error:
            differing += 1
            print(f"{name}: {error}")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    print(f"{differing} differ" if differing else "all as expected")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
