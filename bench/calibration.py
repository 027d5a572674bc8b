#!/usr/bin/env python3
"""Calibrates `hiddenq compare` against simulated pairs whose truth is known, and prints one table.

usage: calibration.py [--same N] [--tuned N] [--false N] [--windows N] [--keep DIR] [--minutes M] [--hiddenq PATH] [--tracegen DIR]

tracegen (beside the checkout, in ../shared/tracegen) simulates a guest and its host; every run has a seed of its own.

  same    pairs of which only the seed differs: in how many is any line better or worse, by family and in all
  tuned   the device's own time is a fifth shorter: how often is the hop named, and how often do the intervals
          cover the truth, which is the difference between all runs of either kind together
  false   the guest's queue is made longer while the device stays the bottleneck: how often is it called so
  windows steady captures with all their files, each cut in the middle: in how many is any line better or worse

What was simulated is kept in --keep and used again, but for the whole captures, which take 60 MB each. Exit status: 0 all within the limits; 1 some are not; 2 something
could not be run. Where there is no tracegen it says so and ends with 0.
"""
import argparse
import concurrent.futures
import gzip
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import types

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Simulated seconds: some 2600 I/Os, or 4100 in the saturated scenario.
SECONDS = {"same": 2.0, "tuned-before": 2.0, "tuned-after": 2.0, "false-before": 1.0, "false-after": 1.0}
SHORTER = 0.2
# Nothing changes in these for all of their 10 s.
STEADY = ["quiet", "no-change-before", "no-change-after", "tuned-before", "tuned-after", "iothread-before", "iothread-after", "multi-vm",
          "messy", "guest-scheduler-bound"]
FIRST_SEED = {"windows": 6000, "same": 1000, "tuned-before": 2000, "tuned-after": 3000, "false-before": 4000, "false-after": 5000}


def configuration(tracegen, kind, seed):
    preset = {
        "same": "no-change-before", "tuned-before": "tuned-after", "tuned-after": "tuned-after",
        "false-before": "false-optimisation-before", "false-after": "false-optimisation-after",
    }[kind]
    cfg = tracegen.preset(preset, types.SimpleNamespace(rate=None, vms=None))
    cfg.update(seed=seed, duration=SECONDS[kind], pagecache=False, preset=kind)
    if kind == "tuned-after":
        for name in ("read_us", "write_us"):
            cfg["dev"][name] *= 1 - SHORTER
        cfg["dev"]["mbps"] /= 1 - SHORTER
    return cfg


def load_tracegen(folder):
    path = os.path.join(folder, "tracegen.py")
    if not os.path.exists(path):
        return None
    spec = importlib.util.spec_from_file_location("tracegen", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["tracegen"] = module
    spec.loader.exec_module(module)
    return module


def make(folder, tracegen_folder, kind, number):
    """Simulates one run, unless it is there; returns its folder."""
    seed = FIRST_SEED[kind] + number
    target = os.path.join(folder, kind, str(seed))
    if os.path.exists(os.path.join(target, "host.txt.gz")):
        return target
    tracegen = sys.modules.get("tracegen") or load_tracegen(tracegen_folder)
    work = tempfile.mkdtemp(dir=folder)
    try:
        cfg = configuration(tracegen, kind, seed)
        simulation, device = tracegen.simulate(cfg)
        tracegen.write_all(simulation, device, cfg, work, False)
        os.makedirs(target, exist_ok=True)
        for source, name in (("guest-vm1/blkparse.txt", "guest.txt.gz"), ("host/blkparse.txt", "host.txt.gz")):
            with open(os.path.join(work, source), "rb") as read:
                with gzip.open(os.path.join(target, name), "wb", compresslevel=3) as write:
                    shutil.copyfileobj(read, write)
    finally:
        shutil.rmtree(work)
    return target


def compare(job):
    """The comparison of a pair as its JSON says it."""
    options, first, second = job
    with tempfile.TemporaryDirectory() as work:
        files = []
        for number, (kind, run) in enumerate((first, second)):
            folder = make(options.keep, options.tracegen, kind, run)
            files.append(os.path.join(work, f"{number}.db"))
            for side in ("guest", "host"):
                subprocess.run(
                    [options.hiddenq, "ingest", "blktrace", files[-1], f"{folder}/{side}.txt.gz", f"--{side}", side],
                    check=True, stdout=subprocess.DEVNULL)
        run = subprocess.run(
            [options.hiddenq, "compare", *files, "--format", "json"], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        if run.returncode not in (0, 1):
            raise RuntimeError(f"compare ended with {run.returncode}")
        return json.loads(run.stdout)


def halves(job):
    """The comparison of the two halves of a steady capture."""
    options, number = job
    preset = STEADY[number % len(STEADY)]
    with tempfile.TemporaryDirectory(dir=options.keep) as work:
        capture, out = os.path.join(work, "capture"), os.path.join(work, "out")
        subprocess.run(
            [sys.executable, os.path.join(options.tracegen, "tracegen.py"), preset, capture, "--seed", str(FIRST_SEED["windows"] + number),
             "--duration", "10", "--no-verify"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        done = subprocess.run(
            [options.hiddenq, "analyze", capture, "-o", out], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode not in (0, 3):
            raise RuntimeError(f"analyze of {preset} ended with {done.returncode}")
        run = subprocess.run(
            [options.hiddenq, "compare", os.path.join(out, "incident.db"), "--split", "5", "--format", "json"], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        if run.returncode not in (0, 1):
            raise RuntimeError(f"compare of {preset} ended with {run.returncode}: {run.stderr}")
        result = json.loads(run.stdout)
        result["capture"] = f"{preset} {FIRST_SEED['windows'] + number}"
        return result


def shown(result):
    return [line for line in result["lines"] if line["verdict"] in ("better", "worse")]


def family(line):
    """What Holm's correction looks at together."""
    return f"{line['op']} {line['statistic']}" if line["op"] else line["subject"]


def pooled(lines, side):
    """The value of all runs together: for a mean that of all I/Os, for a quantile the mean of the runs' own."""
    weights = [line["count_" + side] if line["statistic"] == "mean" else 1 for line in lines]
    return sum(w * line[side] for w, line in zip(weights, lines)) / sum(weights)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--same", type=int, default=200)
    parser.add_argument("--tuned", type=int, default=100)
    parser.add_argument("--false", type=int, default=20)
    parser.add_argument("--windows", type=int, default=100)
    parser.add_argument("--keep")
    parser.add_argument("--minutes", type=float, help="stop early; what was done is stated")
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build/release/hiddenq"))
    parser.add_argument("--tracegen", default=os.path.join(ROOT, "../shared/tracegen"))
    options = parser.parse_args()
    if not os.path.exists(os.path.join(options.tracegen, "tracegen.py")):
        print("there is no tracegen here; nothing was calibrated")
        return 0
    options.keep = options.keep or tempfile.mkdtemp()
    os.makedirs(options.keep, exist_ok=True)
    deadline = time.time() + 60 * options.minutes if options.minutes else float("inf")
    pairs = {
        "same": [(("same", 2 * n - 1), ("same", 2 * n)) for n in range(1, options.same + 1)],
        "tuned": [(("tuned-before", n), ("tuned-after", n)) for n in range(1, options.tuned + 1)],
        "false": [(("false-before", n), ("false-after", n)) for n in range(1, getattr(options, "false") + 1)],
    }
    results = {}
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        work = {kind: [(compare, (options, *pair)) for pair in jobs] for kind, jobs in pairs.items()}
        work["windows"] = [(halves, (options, number)) for number in range(options.windows)]
        for kind, jobs in work.items():
            futures = [pool.submit(*job) for job in jobs]
            results[kind] = []
            for future in futures:
                if time.time() > deadline and not future.running() and not future.done():
                    future.cancel()
                    continue
                results[kind].append(future.result())
            if options.minutes:
                deadline += 60 * options.minutes
    good = True

    def row(what, count, of, holds, limit):
        nonlocal good
        good &= of == 0 or holds
        print(f"{what:<54} {count:>4} of {of:<4} {limit:<14}{'' if of == 0 or holds else 'NOT WITHIN THE LIMIT'}")

    same = results["same"]
    for name in sorted({family(line) for r in same for line in r["lines"]}):
        count = sum(any(family(line) == name for line in shown(r)) for r in same)
        row(f"A/A: any difference, {name}", count, len(same), count <= 0.05 * len(same), "at most 5 %")
    row("A/A: any difference at all, of all families", sum(bool(shown(r)) for r in same), len(same), True, "")
    tuned = results["tuned"]
    named = sum(any(l["subject"] == "hardware_queue" and l["verdict"] == "better" and l["op"] == "all" for l in shown(r))
                for r in tuned)
    row("tuned by 20 %: hardware_queue better", named, len(tuned), named >= 0.95 * len(tuned), "at least 95 %")
    for statistic in ("mean", "p50", "p90", "p99"):
        lines = [l for r in tuned for l in r["lines"] if l["subject"] == "hardware_queue" and l["op"] == "all"
                 and l["statistic"] == statistic and l["change_low"] is not None]
        if not lines:
            continue
        truth = pooled(lines, "after") - pooled(lines, "before")
        covered = sum(l["change_low"] <= truth <= l["change_high"] for l in lines)
        row(f"tuned by 20 %: interval of its {statistic} covers {truth / 1e3:.1f} us", covered, len(lines),
            0.9 * len(lines) <= covered <= 0.99 * len(lines), "90 to 99 %")
    wrong = sum(any(l["subject"] in ("guest_scheduler", "host_scheduler", "virtio_queue") and l["op"] == "all"
                    for l in shown(r)) for r in tuned)
    row("tuned by 20 %: another hop named beside it", wrong, len(tuned), True, "")
    called = sum(any(f["code"] == "FALSE_OPTIMISATION" for f in r["findings"]) for r in results["false"])
    row("false optimisation: called so", called, len(results["false"]), called >= 0.95 * len(results["false"]),
        "at least 95 %")
    for kind in ("same", "tuned"):
        called = sum(any(f["code"] == "FALSE_OPTIMISATION" for f in r["findings"]) for r in results[kind])
        row(f"false optimisation: called in {kind} pairs", called, len(results[kind]), called <= 0.05 * len(results[kind]),
            "at most 5 %")
    windows = results["windows"]
    for name in sorted({family(line) for r in windows for line in r["lines"]}):
        count = sum(any(family(line) == name for line in shown(r)) for r in windows)
        row(f"halves of a capture: any difference, {name}", count, len(windows), count <= max(1, 0.05 * len(windows)), "at most 5 %")
    row("halves of a capture: any difference at all", sum(bool(shown(r)) for r in windows), len(windows), True, "")
    for result in windows:
        for line in shown(result):
            print(f"  {result['capture']}: {family(line)} {line['subject']} {line['guest']} {line['device']} {line['before']:.0f} -> "
                  f"{line['after']:.0f}, p {line['p_adjusted']:.4f}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
