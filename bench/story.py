#!/usr/bin/env python3
"""Asks of captures in which something changed, when it was and by how much in which hop, and of steady ones nothing.

usage: story.py [--full] [--steady N] [--seed N] [--only TEXT] [--hiddenq PATH] [--tracegen DIR] [--keep DIR]

tracegen (beside the checkout, in ../shared/tracegen) writes a capture with an episode and its truth: a neighbour on the
CPU or the disk, a device that is slower for a while, a quota, more load. hiddenq analyses it, and tracegen's own
score_story.py judges the views phase, excess and cleared. Then steady captures: each phase more than one is wrong.

24 captures with episodes and 8 steady ones, or with --full (FULL=1 make story) 120 and 40; each is taken away when it is done: a
capture is 60 MB.

Exit status: 0 all within the limits below; 1 something is not; 2 something could not be run. Where there is no tracegen it
says so and ends with 0.
"""
import argparse
import collections
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUSY = ["--pin", "0+1", "--guest-busy", "0.4"]
# Kind, preset, further options, parameters: one is drawn for each capture.
KINDS = [
    ("cpu-neighbour", "quiet", BUSY, ["n=4,name=ffmpeg", "n=3,name=cc1plus", "n=6,name=xz"]),
    ("disk-neighbour", "quiet", [], ["name=restic", "name=rsync,pause_us=6000", "name=mysqldump,read=1.0"]),
    ("vm-neighbour-cpu", "quiet", ["--vms", "2", "--pin", "0+1", "--guest-busy", "0.3"], ["shares=4096", "shares=8192"]),
    ("vm-neighbour-disk", "quiet", ["--vms", "2"], ["pause_us=3000", "pause_us=6000"]),
    ("device-slow", "quiet", [], ["factor=1.25", "factor=1.4", "factor=1.7", "factor=2.5"]),
    ("device-stall", "quiet", [], [""]),
    ("host-depth", "quiet", [], [""]),
    ("ring-slow", "quiet", [], ["factor=4", "factor=6", "factor=10"]),
    ("guest-load", "quiet", [], ["name=pgbench,rate=300,bs=512", "name=sysbench,rate=200,bs=256", "factor=3", "factor=4"]),
    ("guest-cpu", "quiet", [], [""]),
    ("numa-move", "quiet", [], ["factor=3", "factor=4", "what=threads,factor=4"]),
    ("net-flood", "quiet", [], ["pps=300000", "pps=700000"]),
    ("throttle", "quiet", ["--guest-busy", "0.4"], ["quota=20", "quota=25", "quota=15"]),
]
TWO = [
    (["device-slow:2-4:factor=1.6", "ring-slow:6-8.5:factor=5"], []),
    (["cpu-neighbour:2-4:n=4,name=gzip", "device-slow:5.5:factor=1.8"], BUSY),
]
STEADY = [("quiet", []), ("no-change-before", []), ("no-change-after", []), ("tuned-before", []), ("tuned-after", []),
          ("iothread-before", []), ("iothread-after", []), ("multi-vm", []), ("messy", []), ("guest-scheduler-bound", [])]
# Shares of the checks of a kind that must be within their limits.
LIMITS = {"found": 0.95, "onset": 0.95, "end": 0.9, "hops": 0.95, "parts": 0.95, "sums": 1, "cleared": 1, "no false phase": 0.95, "kind": 0.9, "name": 0.9}


def episodes(full, seed):
    """(preset, seed, options) of each capture."""
    draw = random.Random(seed)
    rounds = 9 if full else 1
    made = []
    for round_ in range(rounds):
        for kind, preset, options, parameters in KINDS:
            begin = draw.uniform(2, 5.5)
            length = draw.uniform(1.2, 4)
            if kind == "device-stall":
                length = draw.choice((0.25, 0.4, 0.8, 1.2))
            end = "" if kind != "device-stall" and draw.random() < 0.3 else "-%.3f" % min(begin + length, 9.2)
            own = draw.choice(parameters)
            made.append((preset, options + ["--episode", "%s:%.3f%s%s" % (kind, begin, end, ":" + own if own else "")]))
    while len(made) < (120 if full else 24):
        pairs, options = TWO[len(made) % 2] if full or len(made) > 22 else (None, None)
        if pairs:
            made.append((KINDS[0][1], options + [word for pair in pairs for word in ("--episode", pair)]))
        else:
            kind, preset, options, parameters = KINDS[draw.choice((0, 1, 4, 7, 8, 12))]
            made.append((preset, options + ["--episode", "%s:%.3f:%s" % (kind, draw.uniform(3, 6), draw.choice(parameters))]))
    return [(preset, seed + place, options) for place, (preset, options) in enumerate(made)]


def steady(count, seed):
    return [(STEADY[place % len(STEADY)][0], seed + 5000 + place, STEADY[place % len(STEADY)][1]) for place in range(count)]


def group(check):
    """Which of LIMITS a check of score_story.py belongs to; None for those that say nothing about it."""
    words = check.split(" ", 1)[1]
    if words.endswith(" found"):
        return "found"
    if words.endswith((" onset", "onset_error_ns")):
        return "onset"
    if words.endswith(" end"):
        return "end"
    if "sum of hops" in words or "delta = " in words or "share = " in words or "excess rows" in words:
        return "sums"
    if " cpu wait behind " in words:
        return "parts"
    if " delta of " in words or " share of " in words or " total " in words:
        return "hops"
    if words.endswith(" name of the cause"):
        return "name"
    if words.endswith(" cause"):
        return "kind"
    if " cleared " in words:
        return "cleared"
    if words.startswith(("phases without", "boundaries", "baseline phases")):
        return "no false phase"
    return None


def analysed(arguments, preset, seed, options, folder):
    """What score_story.py says of a capture."""
    capture = os.path.join(folder, "capture")
    out = os.path.join(folder, "out")
    commands = [
        [sys.executable, os.path.join(arguments.tracegen, "tracegen.py"), preset, capture, "--seed", str(seed), "--duration", "10",
         "--no-verify"] + options,
        [arguments.hiddenq, "analyze", capture, "-o", out],
    ]
    for command in commands:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode not in (0, 3):
            sys.exit("story: %s: status %d: %s" % (" ".join(command), done.returncode, done.stdout[-600:]))
    file = os.path.join(out, "incident.db")
    verdict = os.path.join(folder, "verdict.json")
    subprocess.run([sys.executable, os.path.join(arguments.tracegen, "score_story.py"), capture, "--incident", file,
                    "--json", verdict], stdout=subprocess.DEVNULL)
    with open(verdict) as lines:
        checks = json.load(lines)
    connection = sqlite3.connect(file)
    phases = connection.execute("SELECT guest, count(*) FROM phase GROUP BY 1").fetchall()
    connection.close()
    return checks, phases


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--full", action="store_true", default=bool(os.environ.get("FULL")))
    parser.add_argument("--steady", type=int)
    parser.add_argument("--seed", type=int, default=401)
    parser.add_argument("--only", default="")
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build", "release", "hiddenq"))
    parser.add_argument("--tracegen", default=os.path.join(ROOT, "..", "shared", "tracegen"))
    parser.add_argument("--keep")
    arguments = parser.parse_args()
    if arguments.help:
        print(__doc__.strip())
        return 0
    if not os.path.exists(os.path.join(arguments.tracegen, "score_story.py")):
        print("story: no tracegen beside the checkout; nothing is tried")
        return 0
    counts = collections.defaultdict(lambda: [0, 0])
    calm = arguments.steady if arguments.steady is not None else 40 if arguments.full else 8
    tried = [("episode",) + each for each in episodes(arguments.full, arguments.seed)]
    tried += [("steady",) + each for each in steady(calm, arguments.seed)]
    false = calm = 0
    for what, preset, seed, options in tried:
        name = " ".join([preset, str(seed)] + options)
        if arguments.only not in name:
            continue
        folder = tempfile.mkdtemp(dir=arguments.keep)
        checks, phases = analysed(arguments, preset, seed, options, folder)
        bad = [check for check in checks if not check["within"] and group(check["check"])]
        for check in checks:
            if group(check["check"]):
                counts[group(check["check"])][0 if check["within"] else 1] += 1
        if what == "steady":
            calm += 1
            false += any(count > 1 for _, count in phases)
        print("%-96s %s" % (name[:96], "as it should" if not bad else "; ".join(
            "%s: %s (%s)" % (check["check"], check["value"], check["limit"]) for check in bad[:3])), flush=True)
        if not arguments.keep:
            shutil.rmtree(folder)
    print()
    wrong = 0
    for name, limit in LIMITS.items():
        good, bad = counts[name]
        if good + bad:
            share = good / (good + bad)
            wrong += share < limit
            print("%-16s %6d of %6d within, %6.2f %%, limit %g %%" % (name, good, good + bad, 100 * share, 100 * limit))
    print("steady captures with more than one phase: %d of %d" % (false, calm))
    return 1 if wrong or false > 0.05 * calm else 0


if __name__ == "__main__":
    sys.exit(main())
