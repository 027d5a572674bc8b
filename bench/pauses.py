#!/usr/bin/env python3
"""Asks of captures in which a guest stood still for a while, when and for how long, and of others nothing.

usage: pauses.py [--count N] [--without N] [--seed N] [--hiddenq PATH] [--tracegen DIR]

tracegen (beside the checkout, in ../shared/tracegen) writes a capture; at a moment of it 50, 200 or 1,000 ms are put
into all times of the host, in which nothing happens there. Once the guest's clock stands still meanwhile, so that its
files do not show it, and once it goes on. hiddenq must find it in `pause` within the bound that it states and a
millisecond (50 ms: only where the clock stood still), call it no DEVICE_STALL and no phase, and claim no pause in
captures without. Times of whole seconds (vmstat) stay as they are.

Exit status: 0 as it should be; 1 something is not; 2 something could not be run. Where there is no tracegen it says so
and ends with 0.
"""
import argparse
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LENGTHS = [50_000_000, 200_000_000, 1_000_000_000]
# What the others are like: steady ones, and what is most like a pause.
PRESETS = ["quiet", "multi-vm", "iothread-before", "no-change-after", "tuned-before"]
EPISODES = ["device-stall", "device-slow", "host-depth", "guest-cpu"]
BLKPARSE = re.compile(rb"^( *\d+,\d+ +\d+ +\d+ +)(\d+)\.(\d{9})( )")
PERF = re.compile(rb"^(.{16,30}? +\d+ \[\d+\] +)(\d+)\.(\d{6,9})(:)")


def shifted(path, pattern, own, gap):
    """Puts a gap into the times of a text from an own time on, ns."""
    lines = []
    with open(path, "rb") as file:
        for line in file:
            found = pattern.match(line)
            if found:
                digits = len(found[3])
                at = int(found[2]) * 10**9 + int(found[3]) * 10 ** (9 - digits)
                if at >= own:
                    at += gap
                    text = b"%d.%09d" % (at // 10**9, at % 10**9)
                    if pattern is BLKPARSE:
                        text = text.rjust(len(found[2]) + 10)
                    line = found[1] + text[: len(text) - 9 + digits] + found[4] + line[found.end():]
            lines.append(line)
    with open(path, "wb") as file:
        file.writelines(lines)


def insert(capture, at, gap, moves):
    """Puts a gap into the traces at a true time, ns after the begin: those of the host, and the guests' whose clocks go on."""
    with open(os.path.join(capture, "truth", "clocks.json")) as file:
        clocks = json.load(file)["files"]
    for name, clock in clocks.items():
        pattern = BLKPARSE if name.endswith("blkparse.txt") else PERF if "perf" in name else None
        path = os.path.join(capture, name)
        if pattern is None or "base_ns" not in clock or not os.path.exists(path):
            continue
        if not name.startswith("host/") and not moves:
            continue
        own = clock["base_ns"] + at + at * clock["drift_ppb"] // 10**9 - clock.get("genesis_clock_ns", 0)
        shifted(path, pattern, own, gap)
    return at + clocks["host/blkparse.txt"]["base_ns"] - clocks["host/blkparse.txt"]["genesis_clock_ns"]


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--without", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build", "release", "hiddenq"))
    parser.add_argument("--tracegen", default=os.path.join(ROOT, "..", "shared", "tracegen"))
    arguments = parser.parse_args()
    if not os.path.exists(os.path.join(arguments.tracegen, "tracegen.py")):
        print("skipped: no tracegen in", arguments.tracegen)
        return 0
    draw = random.Random(arguments.seed)
    wrong = tried = 0
    errors = []
    for number in range(arguments.count + arguments.without):
        seed = 1000 * arguments.seed + number
        has = number < arguments.count
        preset = "quiet" if has else draw.choice(PRESETS)
        options = [] if has or draw.random() < 0.5 else ["--episode", draw.choice(EPISODES) + ":3-5"]
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
            made = os.path.join(folder, "made")
            subprocess.run([sys.executable, os.path.join(arguments.tracegen, "tracegen.py"), preset, made, "--seed", str(seed),
                            "--duration", "10"] + options, check=True, stdout=subprocess.DEVNULL)
            at = draw.randrange(2_000_000_000, 8_000_000_000)
            for moves in (False, True) if has else (False,):
                for gap in LENGTHS if has else (0,):
                    capture = os.path.join(folder, "capture")
                    shutil.copytree(made, capture)
                    begin = insert(capture, at, gap, moves) if gap else 0
                    faults, error = judged(arguments.hiddenq, capture, folder, begin, gap, moves)
                    shutil.rmtree(capture)
                    tried += 1
                    what = f"{preset} {seed} {' '.join(options)} " + (
                        f"{gap // 10**6} ms at {begin / 1e9:.3f} s, clock {'goes on' if moves else 'stands still'}" if gap else "no pause")
                    if error is not None:
                        errors.append(error)
                    if faults:
                        wrong += 1
                        print(what, "; ".join(faults), flush=True)
    print(f"{tried} captures, {wrong} not as they should be; lengths off by {max(errors, default=0) / 1e6:.3f} ms at the most")
    return 1 if wrong else 0


def judged(program, capture, folder, begin, gap, moves):
    out = os.path.join(folder, "out")
    shutil.rmtree(out, ignore_errors=True)
    done = subprocess.run([program, "analyze", capture, "-o", out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        return [f"analyze: {done.returncode}: {done.stdout[-200:]}"], None
    db = sqlite3.connect(os.path.join(out, "incident.db"))
    pauses = db.execute("SELECT from_ns, to_ns, length_ns, error_ns, is_clock_still FROM pause").fetchall()
    codes = [row[0] for row in db.execute("SELECT code FROM finding")]
    faults, error = [], None
    if not gap:
        return ([f"pauses {pauses}"] if pauses else []), None
    may_miss = gap < 200_000_000
    if len(pauses) != 1:
        if not (may_miss and moves and not pauses):
            faults.append(f"pauses {pauses}")
    else:
        start, end, length, bound, still = pauses[0]
        error = abs(length - gap)
        if error > bound + 1_000_000:
            faults.append(f"length {length / 1e6:.3f} ms, bound {bound / 1e6:.3f}")
        if not (start - 1_000_000 <= begin and begin + gap <= end + 1_000_000):
            faults.append(f"it lies from {start / 1e9:.4f} to {end / 1e9:.4f} s")
        if still == moves:
            faults.append("the clock did otherwise")
    # One of low confidence may be chance, with a pause or without.
    phases = db.execute("SELECT count(*) FROM phase WHERE phase = 0 OR confidence <> 'low'").fetchone()[0]
    if "DEVICE_STALL" in codes:
        faults.append("DEVICE_STALL")
    if pauses and "VM_PAUSED" not in codes:
        faults.append("no VM_PAUSED")
    if phases != 1 and not (may_miss and moves):
        faults.append(f"{phases} phases")
    return faults, error


if __name__ == "__main__":
    sys.exit(main())
