#!/usr/bin/env python3
"""Asks what the slow I/Os share, of captures in which one trait makes I/Os slow, and of captures in which none does.

usage: traits.py [--planted N] [--without N] [--seed N] [--hiddenq PATH] [--tracegen DIR]

tracegen (beside the checkout, in ../shared/tracegen) makes the captures: four processes of several threads read and write
blocks of four sizes at random, and a few requests in a thousand are slow by chance. In a planted one the
device is slower for part of the requests of one size, one process, one region or one vCPU. The first line of the view
common_trait must be that trait; without a plant there must be no line.

Exit status: 0 all within the limits (57 of 60 first, none in 95 of 100); 1 something is not; 2 something could not be run.
Where there is no tracegen it says so and ends with 0.
"""
import argparse
import collections
import copy
import importlib.util
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROCESSES = ["mysqld", "postgres", "redis-server", "backup.sh"]
SIZES = [8, 16, 32, 64]
KINDS = ["size", "process", "region", "vcpu"]
LEAST = {"planted": 57 / 60, "without": 0.95}
SPAN = 8 * 1024 * 1024
BASE = 2048 * 100


def load(folder):
    spec = importlib.util.spec_from_file_location("tracegen", os.path.join(folder, "tracegen.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["tracegen"] = module
    spec.loader.exec_module(module)
    return module


def capture(tracegen, kind, seed, folder):
    """Makes a capture of one guest; the planted trait as the view calls it, or None."""
    draw = random.Random(seed)
    share, factor = draw.choice([0.15, 0.3, 0.6]), draw.choice([4, 6, 10])
    jobs = [
        dict(type="direct", name=name, n=3, qd=4, rate=260, read=0.5, bs=SIZES, base=BASE, span=SPAN)
        for name in PROCESSES]
    # Neither direction nor size costs anything, so that no trait is slow of itself.
    cfg = tracegen.build_cfg(
        seed=seed, duration=4.0, pagecache=False,
        dev=dict(read_us=80, write_us=80, mbps=1e9, stall_p=0.004, stall_ms=2),
        vms=[dict(vcpus=4, queues=4, merge=False, iot_ns_per_sector=0, jobs=jobs)])
    size, process, cpu = draw.choice(SIZES), draw.choice(PROCESSES), draw.randrange(4)
    part = draw.randrange(1, 15)
    region = (BASE + SPAN * part // 16, BASE + SPAN * (part + 1) // 16)
    has = {
        "size": lambda g: g.n == size,
        "process": lambda g: g.comm == process,
        "region": lambda g: region[0] <= g.sector < region[1],
        "vcpu": lambda g: g.vcpu.idx == cpu,
    }.get(kind)
    serve = tracegen.HostDev.serve

    def slower(self, request):
        guests = [g for h in request.hios for g in h.grqs]
        if has and any(has(g) for g in guests) and draw.random() < share:
            self.slow = float(factor)
        serve(self, request)
        self.slow = 1.0

    tracegen.HostDev.serve = slower
    try:
        sim, dev = tracegen.simulate(copy.deepcopy(cfg))
    finally:
        tracegen.HostDev.serve = serve
    tracegen.write_all(sim, dev, cfg, folder)
    return {
        "size": ("size", "%d KiB" % (size // 2)), "process": ("process", process),
        "region": ("region", region), "vcpu": ("issuing_vcpu", "vCPU %d" % cpu)}.get(kind)


def traits(hiddenq, folder):
    """The lines of common_trait, the first one first."""
    guest = next(name for name in sorted(os.listdir(folder)) if name.startswith("guest"))
    files = os.path.join(folder, "in")
    for machine in (guest, "host"):
        os.makedirs(os.path.join(files, machine))
        shutil.move(os.path.join(folder, machine, "blkparse.txt"), os.path.join(files, machine))
    out = os.path.join(folder, "out")
    subprocess.run([hiddenq, "analyze", files, "-o", out], check=True, capture_output=True)
    db = sqlite3.connect(os.path.join(out, "incident.db"))
    rows = db.execute("SELECT trait, value, slow_share, rest_share FROM common_trait ORDER BY place").fetchall()
    db.close()
    return rows


def is_planted(planted, row):
    """The host's hardware queue is in front of no vCPU: the one that issues a request mostly takes its interrupt, too."""
    trait, value = planted
    if trait == "region":
        if row[0] != "region":
            return False
        low, high = (int(word) for word in row[1].replace("sectors", "").split("to"))
        overlap = min(high + 1, value[1]) - max(low, value[0])
        return overlap >= 0.5 * (value[1] - value[0]) and overlap >= 0.25 * (high + 1 - low)
    if trait == "issuing_vcpu":
        return row[0] in ("issuing_vcpu", "completing_vcpu") and row[1] == value
    return (row[0], row[1]) == (trait, value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--planted", type=int, default=8)
    parser.add_argument("--without", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build/release/hiddenq"))
    parser.add_argument("--tracegen", default=os.path.join(os.path.dirname(ROOT), "shared/tracegen"))
    options = parser.parse_args()
    if not os.path.exists(os.path.join(options.tracegen, "tracegen.py")):
        print("skipped: no tracegen in", options.tracegen)
        return 0
    tracegen = load(options.tracegen)
    good, all_ = collections.Counter(), collections.Counter()
    for number in range(options.planted + options.without):
        kind = KINDS[number % len(KINDS)] if number < options.planted else None
        seed = options.seed + number
        with tempfile.TemporaryDirectory() as folder:
            planted = capture(tracegen, kind, seed, folder)
            try:
                rows = traits(options.hiddenq, folder)
            except subprocess.CalledProcessError as error:
                print(error.stderr.decode(errors="replace"))
                return 2
        is_good = bool(rows) and is_planted(planted, rows[0]) if planted else not rows
        name = "planted" if planted else "without"
        all_[name] += 1
        good[name] += is_good
        shown = "; ".join("%s %s %.0f %% (else %.0f %%)" % (t, v, 100 * s, 100 * r) for t, v, s, r in rows)
        print("%-4s seed %d %-8s %s: %s" % ("ok" if is_good else "NOT", seed, kind or "none", planted or "", shown or "none"), flush=True)
    status = 0
    for name in all_:
        share = good[name] / all_[name]
        print("%s: %d of %d (limit %.0f %%)" % (name, good[name], all_[name], 100 * LEAST[name]))
        if share < LEAST[name]:
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
