#!/usr/bin/env python3
"""Takes files away from every real capture: does hiddenq then claim what the whole capture contradicts?

usage: halves.py [--hiddenq PATH] [--traces DIR] [CAPTURE...]

The usual case is that half of the files are missing. A claim is a finding that is a warning or critical and not without
confidence, TRACE_INCOMPLETE excepted, which is about the files themselves. Each claim of a part must be a finding of the
whole capture, or by counters of what its traces name instead, be it information there: only the whole can tell that the
CPUs were held by the VM's own threads, or that its I/Os hardly felt a neighbour. It may be critical only where that is; a part must say what is missing; and there must be a
report. Numbers within a claim are not compared. The fast part of this is HalfCaptureTests.

What changed and when is compared, too (views phase and phase_cause). Where the whole names a neighbour of high
confidence, the host alone must find its onset within 0.3 s, or where the intervals of both onsets meet, and name it from then on.
One on the CPUs may begin up to a second later there: what it did to the guest before it held a CPU only the guest
knows. The guest alone must find the same onset, laid on the host's clock by what the whole knows of it, and claims no cause
of the host. A phase by counters has a confidence of low at the most. What counters alone find is printed: for a
short capture they seldom have the readings.

Exit status: 0 all right; 1 something is not; 2 something could not be run. Where there are no captures it says so and
ends with 0.
"""
import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

PARTS = {
    "guests alone": lambda path: path.startswith("guest"),
    "host alone": lambda path: path.startswith("host"),
    "no scheduler traces": lambda path: "sched" not in path and "perf" not in path,
    "block traces alone": lambda path: "blkparse" in path or "blktrace" in path,
    "vmstat and numastat": lambda path: "vmstat" in path or "numastat" in path,
    "counters alone": lambda path: any(word in path for word in ("vmstat", "proc-stat", "diskstats")),
}
# A guest without its host knows nothing of them.
OF_HOST = ("disk_neighbour", "device", "host_scheduler", "numa", "virtio_ring", "throttle")
SECOND = 1e9


def findings(hiddenq, folder, work):
    """The findings of a folder's files, and the report in words."""
    incident = os.path.join(work, "incident.db")
    if os.path.exists(incident):
        os.remove(incident)

    def run(*arguments):
        done = subprocess.run([hiddenq, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # 3: not enough is there to join guest and host.
        if done.returncode not in (0, 3):
            raise RuntimeError("%s: status %d: %s" % (arguments[0], done.returncode, done.stderr[-300:]))
        return done.stdout
    run("ingest", incident, folder)
    report = run("report", incident)
    return json.loads(run("findings", incident, "--format", "json")), report


def phases(work, offset=0.0):
    """The phases that are no baseline: (onset in s, its error, who is named for it, seen by, kinds, confidence); their onsets laid on another clock."""
    with sqlite3.connect(os.path.join(work, "incident.db")) as file:
        found = []
        for guest, number, start, error, seen, confidence, machine in file.execute(
                "SELECT guest, phase, from_ns, coalesce(onset_error_ns, 0), seen_by, confidence, machine FROM phase "
                "WHERE is_baseline = 0 AND onset_error_ns IS NOT NULL ORDER BY from_ns"):
            causes = file.execute("SELECT kind, name, confidence FROM phase_cause WHERE guest IS ? AND phase = ? AND "
                                  "(guest IS NOT NULL OR machine = ?)", (guest, number, machine)).fetchall()
            found.append({"onset": start / SECOND + offset, "error": error / SECOND, "seen": seen, "confidence": confidence,
                          "kinds": {kind for kind, _, _ in causes},
                          "names": {name for kind, name, _ in causes if kind.endswith("_neighbour") and name},
                          "sure": {name: kind for kind, name, sure in causes
                                   if kind.endswith("_neighbour") and name and sure == "high"}})
        return found


def clock(work):
    """What is added to times of the guest's block trace to have them on the host's, in s; 0 where that is not known."""
    with sqlite3.connect(os.path.join(work, "incident.db")) as file:
        row = file.execute("SELECT offset_ns FROM clock JOIN (SELECT DISTINCT machine, layer FROM source) USING (machine) "
                           "WHERE tool_clock = 'blktrace' AND layer = 'guest'").fetchone()
    return row[0] / SECOND if row else 0.0


def story(part, whole, found):
    """What a part tells of changes that it should not, or does not tell."""
    wrong = []
    for one in found:
        if part == "guests alone" and one["kinds"] & set(OF_HOST):
            wrong.append("the guest alone claims %s" % ", ".join(sorted(one["kinds"] & set(OF_HOST))))
        if one["seen"] == "counters" and one["confidence"] not in ("low", "none"):
            wrong.append("counters alone are of confidence %s" % one["confidence"])
    if part not in ("guests alone", "host alone"):
        return wrong
    for one in whole:
        if not one["sure"]:
            continue
        late = 1.0 if part == "host alone" and "cpu_neighbour" in one["sure"].values() else 0.3
        near = [other for other in found
                if -max(0.3, one["error"] + other["error"]) <= other["onset"] - one["onset"]
                <= max(late, one["error"] + other["error"])]
        if not near:
            wrong.append("nothing begins at %.3f s, where %s does" % (one["onset"], ", ".join(sorted(one["sure"]))))
        elif part == "host alone" and not any(
                other["names"] & set(one["sure"]) for other in found if other["onset"] >= near[0]["onset"]):
            wrong.append("at %.3f s %s is not named" % (one["onset"], ", ".join(sorted(one["sure"]))))
    return wrong


def told(found):
    """The onsets that were found, for people."""
    return ", ".join("%.2f s%s" % (one["onset"], "".join(" " + name for name in sorted(one["names"]))) for one in found)


def copy(capture, target, keeps):
    """Those of a capture's files that are kept; how many."""
    count = 0
    for place, _, names in os.walk(capture):
        for name in names:
            path = os.path.relpath(os.path.join(place, name), capture)
            if keeps(path):
                os.makedirs(os.path.dirname(os.path.join(target, path)), exist_ok=True)
                shutil.copy(os.path.join(capture, path), os.path.join(target, path))
                count += 1
    return count


def claims(found):
    return [one for one in found
            if one["severity"] != "info" and one["confidence"] != "none" and one["code"] != "TRACE_INCOMPLETE"]


# What counters call a busy CPU or disk, traces of the whole name: who held the CPUs, or used the disk.
NAMED_BY_TRACES = {
    "CPU_SATURATED": {"NOISY_CPU_NEIGHBOUR", "STEAL_HIDDEN"},
    "DISK_BUSY": {"NOISY_DISK_NEIGHBOUR", "HOST_DISK_NEIGHBOUR", "DEVICE_STALL"},
}


def problems(part, known, found, report):
    """What a part of a capture says and should not, or does not say."""
    wrong = []
    for one in claims(found):
        codes = {one["code"]} | NAMED_BY_TRACES.get(one["code"], set())
        same = [other for other in known if other["code"] in codes]
        if not same:
            wrong.append("%s '%s', of which the whole says nothing" % (one["code"], one["sentence"]))
        elif one["severity"] == "critical" and all(other["severity"] != "critical" for other in same):
            wrong.append("%s '%s' is critical, and less in the whole" % (one["code"], one["sentence"]))
    if part != "host alone" and all(one["confidence"] not in ("none", "low") for one in found):
        wrong.append("nothing is said to be missing")
    if "What was read" not in report:
        wrong.append("there is no report")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="*")
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build/release/hiddenq"))
    parser.add_argument("--traces", default=os.path.join(ROOT, "../shared/traces"))
    options = parser.parse_args()
    if not os.path.isdir(options.traces):
        print("halves: no captures in %s: nothing was tried" % options.traces)
        return 0
    names = options.captures or sorted(
        name for name in os.listdir(options.traces) if os.path.isdir(os.path.join(options.traces, name)))
    failed = 0
    for name in names:
        capture = os.path.join(options.traces, name)
        with tempfile.TemporaryDirectory() as work:
            try:
                known = [one for one in findings(options.hiddenq, capture, work)[0] if one["confidence"] != "none"]
                whole, offset = phases(work), clock(work)
                for part, keeps in PARTS.items():
                    target = os.path.join(work, part.replace(" ", "-"))
                    if not copy(capture, target, keeps):
                        continue
                    found, report = findings(options.hiddenq, target, work)
                    changes = phases(work, offset if part == "guests alone" else 0.0)
                    wrong = problems(part, known, found, report) + story(part, whole, changes)
                    print("%-20s %-20s %2d claims  %s%s" % (
                        name, part, len(claims(found)), "; ".join(wrong) or "right",
                        "  (changes: %s)" % told(changes) if changes else ""), flush=True)
                    failed += bool(wrong)
            except (RuntimeError, OSError, ValueError) as error:
                print("halves: %s: %s" % (name, error), file=sys.stderr)
                return 2
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
