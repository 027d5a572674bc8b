#!/usr/bin/env python3
"""Takes files away from every real capture: does hiddenq then claim what the whole capture contradicts?

usage: halves.py [--hiddenq PATH] [--traces DIR] [CAPTURE...]

The usual case is that half of the files are missing. A claim is a finding that is a warning or critical and not without
confidence, TRACE_INCOMPLETE excepted, which is about the files themselves. Each claim of a part must be one of the whole
capture, and critical only where that is; a part must say what is missing; and there must be a report. Numbers within a
claim are not compared. The fast part of this is HalfCaptureTests.

Exit status: 0 all right; 1 something is not; 2 something could not be run. Where there are no captures it says so and
ends with 0.
"""
import argparse
import json
import os
import shutil
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
}


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


def problems(part, known, found, report):
    """What a part of a capture says and should not, or does not say."""
    wrong = []
    for one in claims(found):
        same = [other for other in known if other["code"] == one["code"]]
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
                known = claims(findings(options.hiddenq, capture, work)[0])
                for part, keeps in PARTS.items():
                    target = os.path.join(work, part.replace(" ", "-"))
                    if not copy(capture, target, keeps):
                        continue
                    found, report = findings(options.hiddenq, target, work)
                    wrong = problems(part, known, found, report)
                    print("%-20s %-20s %2d claims  %s" % (name, part, len(claims(found)), "; ".join(wrong) or "right"),
                          flush=True)
                    failed += bool(wrong)
            except (RuntimeError, OSError, ValueError) as error:
                print("halves: %s: %s" % (name, error), file=sys.stderr)
                return 2
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
