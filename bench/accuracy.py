#!/usr/bin/env python3
"""Scores hiddenq against traces whose truth is known, and prints one table.

usage: accuracy.py [--fast] [--only NAME...] [--jobs N] [--hiddenq PATH] [--tracegen DIR] [--json FILE]

tracegen (beside the checkout, in ../shared/tracegen) simulates guests and a host and writes trace files and
the truth; its score_incident.py runs hiddenq on them and compares. Each scenario is made, scored and taken
away again; what a run said is kept with --keep.

Exit status: 0 all within their limits; 1 some are not; 2 something could not be run. Where there is no
tracegen it says so and ends with 0.
"""
import argparse
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import clocks
import counters
import flushes

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SEEDS = (11, 12, 13)

# Events are lost on purpose, or clocks jump: what is asked of the join is less.
LOSSY = ["--join", "0.99"]
# Rows are withheld on purpose (ambiguous ones, for instance), which moves the quantiles a little.
WITHHELD = ["--hop-rel", "0.02"]


class Scenario:
    """A preset of tracegen with options, and what the scorer is told about it."""

    def __init__(self, name, preset, options=(), limits=(), fast=None):
        self.name, self.preset = name, preset
        self.options, self.limits = list(options), list(limits)
        # Seconds of the fast run; None: not part of it.
        self.fast = fast


SCENARIOS = [
    Scenario("quiet", "quiet", fast=2),
    Scenario("noisy-cpu", "noisy-cpu"),
    Scenario("noisy-io", "noisy-io", fast=2),
    Scenario("numa-remote", "numa-remote"),
    Scenario("numa-spill", "numa-spill"),
    Scenario("ring-saturation", "ring-saturation"),
    Scenario("device-stall", "device-stall"),
    Scenario("page-cache-bound", "page-cache-bound"),
    Scenario("guest-scheduler-bound", "guest-scheduler-bound"),
    Scenario("false-optimisation-before", "false-optimisation-before"),
    Scenario("false-optimisation-after", "false-optimisation-after"),
    Scenario("tuned-before", "tuned-before"),
    Scenario("tuned-after", "tuned-after"),
    Scenario("iothread-before", "iothread-before"),
    Scenario("iothread-after", "iothread-after"),
    Scenario("no-change-before", "no-change-before"),
    Scenario("no-change-after", "no-change-after"),
    # Some tens of requests of a run cannot be told apart: fewer seconds, and a handful is half a percent.
    Scenario("multi-vm", "multi-vm", fast=6),
    Scenario("messy", "messy", limits=LOSSY + WITHHELD),
    Scenario("drift", "quiet", ["--drift-ppm", "150"], fast=3),
    Scenario("clock step", "quiet", ["--clock-step", "4+0.25"]),
    # A quarter of a second comes twice by the guest's clock: pages written in it have no H1.
    Scenario("clock step back", "quiet", ["--clock-step", "4+-0.25"], WITHHELD),
    # Small ones: down to some three times the bound.
    Scenario("step 200 us", "quiet", ["--clock-step", "4+0.0002"]),
    Scenario("step 50 us", "quiet", ["--clock-step", "4+0.00005"]),
    Scenario("step 20 us", "quiet", ["--clock-step", "4+0.00002"]),
    Scenario("step back 200 us", "quiet", ["--clock-step", "4+-0.0002"], WITHHELD),
    Scenario("step back 50 us", "quiet", ["--clock-step", "4+-0.00005"], WITHHELD),
    Scenario("step back 20 us", "quiet", ["--clock-step", "4+-0.00002"], WITHHELD),
    Scenario("loss", "quiet", ["--loss", "2"], LOSSY + WITHHELD),
    Scenario("out of order", "quiet", ["--ooo", "2"]),
    Scenario("same sectors", "quiet", ["--vms", "3", "--same-sectors"]),
    Scenario("qemu merge", "page-cache-bound", ["--qemu-merge"]),
    Scenario("host splits", "quiet", ["--host-max-sectors", "16"], fast=2),
    Scenario("requeues", "quiet", ["--host-requeue-p", "0.01", "--guest-requeue-p", "0.01"]),
    Scenario("binary", "quiet", ["--binary"]),
    Scenario("guest late", "quiet", ["--guest-late-start", "2"]),
    Scenario("host late", "quiet", ["--host-late-start", "2"]),
    Scenario("hot blocks", "quiet", ["--hot", "0.9"], ["--ambiguous", "0.03"] + WITHHELD),
]


class Result:
    """One scenario with one seed, scored."""

    def __init__(self, scenario, seed):
        self.scenario, self.seed = scenario, seed
        self.matchable = self.right = self.wrong = self.ambiguous = 0
        self.clock_error_ns = None
        self.problems = []
        # Why it could not be run; None: it was.
        self.failure = None
        self.seconds = 0.0
        self.said = ""


def run(arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode(errors="replace")


def score(scenario, seed, options):
    """Makes a scenario, scores it, and takes it away."""
    result = Result(scenario, seed)
    begin = time.monotonic()
    folder = tempfile.mkdtemp(prefix="hiddenq-accuracy-")
    try:
        make = [sys.executable, os.path.join(options.tracegen, "tracegen.py"), scenario.preset, folder,
                "--seed", str(seed), "--no-verify"] + scenario.options
        if options.fast:
            make += ["--duration", str(scenario.fast)]
        elif options.duration:
            make += ["--duration", str(options.duration)]
        status, said = run(make)
        if status != 0:
            result.failure = "tracegen: " + last_line(said)
            return result
        report = os.path.join(folder, "score.json")
        judge = [sys.executable, os.path.join(options.tracegen, "score_incident.py"), folder,
                 "--hiddenq", options.hiddenq, "--json", report, "--keep", folder] + scenario.limits
        # Binary traces are found only by the run over the directory.
        if options.only_blktrace and "--binary" not in scenario.options:
            judge.append("--only-blktrace")
        status, result.said = run(judge)
        if not os.path.exists(report):
            result.failure = "score_incident: " + last_line(result.said)
            return result
        with open(report) as file:
            scored = json.load(file)
        for machine in scored["score"]["vms"].values():
            result.matchable += machine["matchable"]
            result.right += machine["host_right"]
            result.wrong += machine["wrong_matches"]
            result.ambiguous += machine["found_without_host"]
        errors = scored["clock_error_ns"].values()
        result.clock_error_ns = max(errors) if errors else None
        result.problems = scored["problems"]
        incident = os.path.join(folder, "incident.db")
        result.problems += clocks.problems(options.hiddenq, incident, folder, options.tracegen)
        result.problems += flushes.problems(options.hiddenq, incident, folder, options.tracegen)
        if not options.only_blktrace:
            result.problems += counters.problems(options.hiddenq, incident, folder)
        if status == 2:
            result.failure = "score_incident: " + last_line(result.said)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        result.seconds = time.monotonic() - begin
    return result


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else "(said nothing)"


def row(result):
    name = result.scenario.name
    if result.failure:
        return "%-26s %4d  could not be run: %s" % (name, result.seed, result.failure[:60])
    share = 100 * result.right / result.matchable if result.matchable else float("nan")
    bound = "none" if result.clock_error_ns is None else "%.1f us" % (result.clock_error_ns / 1e3)
    return "%-26s %4d %8.3f %% %5d %9d %11s %8s" % (
        name, result.seed, share, result.wrong, result.ambiguous, bound,
        len(result.problems) or "-")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build/release/hiddenq"))
    parser.add_argument("--tracegen", default=os.path.join(ROOT, "../shared/tracegen"))
    parser.add_argument("--fast", action="store_true", help="a few scenarios, short, one seed each")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these scenarios")
    parser.add_argument("--seeds", nargs="+", type=int, default=None)
    parser.add_argument("--duration", type=float, help="simulated seconds instead of the presets'")
    parser.add_argument("--jobs", type=int, default=2, help="scenarios at a time")
    parser.add_argument("--only-blktrace", action="store_true",
                        help="give hiddenq the block traces alone")
    parser.add_argument("--keep", metavar="DIR", help="keep what the scorer said there")
    parser.add_argument("--json", metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    if not os.path.exists(os.path.join(options.tracegen, "tracegen.py")):
        print("accuracy: there is no tracegen in %s; nothing was scored" % options.tracegen)
        return 0
    if not os.access(options.hiddenq, os.X_OK):
        print("accuracy: %s is not there; 'make release' builds it" % options.hiddenq, file=sys.stderr)
        return 2
    options.hiddenq = os.path.abspath(options.hiddenq)
    chosen = SCENARIOS
    if options.only:
        unknown = set(options.only) - {scenario.name for scenario in SCENARIOS}
        if unknown:
            print("accuracy: no scenario %s; there are: %s" % (
                ", ".join(sorted(unknown)), ", ".join(s.name for s in SCENARIOS)), file=sys.stderr)
            return 2
        chosen = [scenario for scenario in SCENARIOS if scenario.name in options.only]
    if options.fast:
        chosen = [scenario for scenario in chosen if scenario.fast]
    seeds = options.seeds or (SEEDS[:1] if options.fast else SEEDS)
    cases = [(scenario, seed) for scenario in chosen for seed in seeds]
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)

    print("%-26s %4s %10s %5s %9s %11s %8s" % (
        "scenario", "seed", "matched", "wrong", "no host", "clock bound", "problems"), flush=True)
    results = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(lambda case: score(case[0], case[1], options), cases):
            results.append(result)
            print(row(result), flush=True)
            if options.keep:
                name = "%s-%d.txt" % (result.scenario.name.replace(" ", "-"), result.seed)
                with open(os.path.join(options.keep, name), "w") as file:
                    file.write(result.said)
    matchable = sum(result.matchable for result in results)
    failed = [result for result in results if result.failure]
    outside = [result for result in results if result.problems]
    print("%-26s %4d %8.3f %% %5d %9d %11s %8d" % (
        "total", len(results), 100 * sum(r.right for r in results) / matchable if matchable else 0,
        sum(r.wrong for r in results), sum(r.ambiguous for r in results), "",
        sum(len(r.problems) for r in results)))
    print("%d of %d within their limits, %d outside, %d could not be run; %.0f s" % (
        len(results) - len(outside) - len(failed), len(results), len(outside), len(failed),
        sum(result.seconds for result in results)))
    for result in outside + failed:
        for problem in result.problems[:5] or [result.failure]:
            print("%s, seed %d: %s" % (result.scenario.name, result.seed, problem))
    if options.json:
        with open(options.json, "w") as file:
            json.dump([dict(scenario=r.scenario.name, seed=r.seed, matchable=r.matchable, right=r.right,
                            wrong=r.wrong, ambiguous=r.ambiguous, clock_error_ns=r.clock_error_ns,
                            problems=r.problems, failure=r.failure) for r in results], file, indent=1)
    return 2 if failed else 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
