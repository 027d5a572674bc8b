#!/usr/bin/env python3
"""Compares what two builds of hiddenq find in the same captures: every view, row by row.

usage: views.py --before PROGRAM --after PROGRAM [--shared DIR] [--generated N] [--only WORD...] [--examples N]

Captures: Fixtures/kvm-noisy-cpu, those of DIR/traces and DIR/changes (default ../shared), and N scenarios that
DIR/tracegen makes. Both programs ingest and correlate each of them. Identifiers are left out (columns `*_id`), rows are
compared as sets, and columns that one build alone has are named and left out. Of the view `finding` code, severity,
guest and confidence are compared, for sentences may be worded anew.

Then `report --format json` of both, value by value: lists are compared as sets, and of findings the same as above. What
one build alone has (`only after: wall_time`) is named once.

A line per capture and view, or list of the report, that differs: how many rows only one of them has, with examples.

Exit status: 0 no view differs; 1 some do; 2 it could not be run.
"""
import argparse
import collections
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PRESETS = ("quiet", "noisy-cpu", "noisy-io", "numa-remote", "numa-spill", "ring-saturation", "device-stall", "page-cache-bound",
           "guest-scheduler-bound", "false-optimisation-before", "false-optimisation-after", "tuned-before", "tuned-after",
           "iothread-before", "iothread-after", "no-change-before", "no-change-after", "multi-vm", "messy")


def incident(program, capture, folder, name):
    """The incident file that a program makes of a capture, and what went wrong (None: nothing)."""
    path = os.path.join(folder, name + ".db")
    for command, statuses in ((["ingest", path, capture], (0,)), (["correlate", path], (0, 3))):
        done = subprocess.run([program] + command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode not in statuses:
            return path, f"{command[0]}: status {done.returncode}: {done.stderr.strip()[:200]}"
    return path, None


def views(path):
    """Name -> columns of all views; a view that needs the program's own functions has none."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY name")]
        found = {}
        for name in names:
            try:
                found[name] = [column[0] for column in db.execute(f'SELECT * FROM "{name}" LIMIT 0').description]
            except sqlite3.Error:
                pass
        return found


def rows(path, view, columns):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        db.text_factory = lambda data: data.decode(errors="replace")
        chosen = ", ".join(f'"{column}"' for column in columns)
        return collections.Counter(db.execute(f'SELECT {chosen} FROM "{view}"'))


def compare(name, before, after, examples):
    """Prints what differs; how many views do."""
    own, other = views(before), views(after)
    differing = 0
    for view in sorted(set(own) | set(other)):
        if view not in own or view not in other:
            print(f"{name}  {view}: only {'after' if view in other else 'before'}")
            continue
        alone = set(own[view]) ^ set(other[view])
        columns = [column for column in own[view] if column in other[view] and not column.endswith("_id")]
        if view == "finding":
            columns = ["code", "severity", "guest", "confidence"]
        if view == "header":
            continue
        a, b = rows(before, view, columns), rows(after, view, columns)
        gone, new = a - b, b - a
        if not gone and not new:
            continue
        differing += 1
        note = f"; columns of one alone: {', '.join(sorted(alone))}" if alone else ""
        print(f"{name}  {view}: {sum(gone.values())} of {sum(a.values())} rows only before, "
              f"{sum(new.values())} of {sum(b.values())} only after{note}")
        for sign, part in (("-", gone), ("+", new)):
            for row in sorted(part, key=repr)[:examples]:
                print(f"    {sign} " + " ".join(f"{column}={value}" for column, value in zip(columns, row)))
    return differing


def document(program, path):
    done = subprocess.run([program, "report", path, "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode not in (0, 3):
        return None
    return json.loads(done.stdout.decode(errors="replace"))


def leaves(value, place="", found=None, keys=None):
    """Path without the numbers of list entries -> the values found there, as a multiset; and each object's keys."""
    found = collections.defaultdict(collections.Counter) if found is None else found
    keys = collections.defaultdict(set) if keys is None else keys
    if isinstance(value, dict):
        keys[place] |= set(value)
        if place.endswith("finding[]"):
            value = {key: value[key] for key in ("code", "severity", "guest", "confidence") if key in value}
        for key, part in value.items():
            if not key.endswith("_id"):
                leaves(part, f"{place}.{key}", found, keys)
    elif isinstance(value, list):
        for part in value:
            leaves(part, place + "[]", found, keys)
    else:
        found[place][value] += 1
    return found, keys


def compare_reports(name, before, after, examples):
    """Prints what differs between the JSON reports; how many of their values' places do."""
    if before is None or after is None:
        print(f"{name}  report: {'before' if before is None else 'after'} writes none")
        return 1
    (own, own_keys), (other, other_keys) = leaves(before), leaves(after)
    for place in sorted(set(own_keys) & set(other_keys)):
        for sign, some in (("before", own_keys[place] - other_keys[place]), ("after", other_keys[place] - own_keys[place])):
            if some:
                print(f"{name}  report{place}: only {sign}: {', '.join(sorted(some))}")
    differing = 0
    for place in sorted(set(own) & set(other)):
        gone, new = own[place] - other[place], other[place] - own[place]
        if (gone or new) and place not in (".tool_version",):
            differing += 1
            print(f"{name}  report{place}: {sum(gone.values())} of {sum(own[place].values())} values only before, "
                  f"{sum(new.values())} of {sum(other[place].values())} only after")
            for sign, part in (("-", gone), ("+", new)):
                for value in sorted(part, key=repr)[:examples]:
                    print(f"    {sign} {str(value)[:160]}")
    return differing


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--before", required=True)
    parser.add_argument("--after", required=True)
    parser.add_argument("--shared", default=os.path.join(ROOT, "..", "shared"))
    parser.add_argument("--generated", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--examples", type=int, default=2)
    arguments = parser.parse_args()
    for program in (arguments.before, arguments.after):
        if not os.access(program, os.X_OK):
            print(f"views.py: no program {program}", file=sys.stderr)
            return 2
    captures = [("fixture/kvm-noisy-cpu", os.path.join(ROOT, "Fixtures", "kvm-noisy-cpu"))]
    for part in ("traces", "changes"):
        folder = os.path.join(arguments.shared, part)
        if os.path.isdir(folder):
            captures += [(f"{part}/{name}", os.path.join(folder, name)) for name in sorted(os.listdir(folder))
                         if os.path.isdir(os.path.join(folder, name))]
    differing = 0
    with tempfile.TemporaryDirectory(prefix="hiddenq-views-") as scratch:
        for number in range(arguments.generated):
            preset = PRESETS[number % len(PRESETS)]
            folder = os.path.join(scratch, f"{preset}-{number}")
            subprocess.run(
                [sys.executable, os.path.join(arguments.shared, "tracegen", "tracegen.py"), preset, folder,
                 "--duration", "3", "--seed", str(100 + number), "--no-verify"], check=True, stdout=subprocess.DEVNULL)
            captures.append((f"generated/{preset}-{100 + number}", folder))
        for name, capture in captures:
            if arguments.only and not any(word in name for word in arguments.only):
                continue
            made = [incident(program, capture, scratch, side)
                    for program, side in ((arguments.before, "before"), (arguments.after, "after"))]
            failed = [f"{side}: {error}" for side, (_, error) in zip(("before", "after"), made) if error]
            if failed:
                print(f"{name}  {'; '.join(failed)}")
                differing += 1
            else:
                count = compare(name, made[0][0], made[1][0], arguments.examples)
                reports = [document(program, path)
                           for program, (path, _) in zip((arguments.before, arguments.after), made)]
                places = compare_reports(name, *reports, arguments.examples)
                differing += count + places
                print(f"{name}: {count or 'no'} views differ, {places or 'no'} places of the report", flush=True)
            for path, _ in made:
                if os.path.exists(path):
                    os.remove(path)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
