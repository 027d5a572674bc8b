#!/usr/bin/env python3
"""Asks of every generated scenario: is the cause named, the right hop, and nothing else blamed?

usage: causes.py [--fast] [--seeds N...] [--hiddenq PATH] [--tracegen DIR]

tracegen (beside the checkout, in ../shared/tracegen) writes a whole capture and its truth. hiddenq ingests it as a user
would. Then: the hop that holds most time from Q to C is the truth's; the finding that the cause calls for is
there and says what it must; no warning is there that the cause does not call for; consequences name their cause. Last, tracegen's own score_incident.py
finds no problem: joins, hops, clocks, each thread's run and wait, each culprit's share.

Exit status: 0 all right; 1 something is not; 2 something could not be run. Where there is no tracegen it
says so and ends with 0.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SEEDS = (1007, 2007, 3007)

# preset -> (findings that must be there with words they must say, further codes that may warn).
CAUSES = {
    "quiet": ({}, ()),
    "noisy-cpu": ({"STEAL_HIDDEN": ["vCPUs waited"], "NOISY_CPU_NEIGHBOUR": ["stress-ng-cpu"],
                   "NET_DROP_BEFORE_WIRE": []}, ()),
    "noisy-io": ({"NOISY_DISK_NEIGHBOUR": ["rsync", "H4"]}, ()),
    "numa-remote": ({"NUMA_REMOTE": []}, ()),
    "numa-spill": ({"NUMA_REMOTE": []}, ()),
    "ring-saturation": ({"RING_SATURATED": ["gave back", "iothread0"]}, ()),
    # 1.2 s; seen from the last completion before it on, which may be within its first milliseconds.
    "device-stall": ({"DEVICE_STALL": ["completed nothing for 1."]}, ()),
    "page-cache-bound": ({"PAGE_CACHE_HIDES": ["page cache"]}, ()),
    "guest-scheduler-bound": ({"RING_SATURATED": ["held 4 requests at most"]}, ()),
    "false-optimisation-before": ({"DOUBLE_QUEUEING": []}, ()),
    "false-optimisation-after": ({}, ()),
    "tuned-before": ({}, ()),
    "tuned-after": ({}, ()),
    "iothread-before": ({"NOISY_CPU_NEIGHBOUR": ["gzip"]}, ()),
    "iothread-after": ({}, ()),
    "no-change-before": ({}, ()),
    "no-change-after": ({}, ()),
    "multi-vm": ({}, ()),
    # A neighbour on the disk and lost events are what it is made of.
    "messy": ({"TRACE_INCOMPLETE": ["lost"]}, ("NOISY_DISK_NEIGHBOUR",)),
}
# What the report's section on the tail must say of tuning.
TAILS = {
    "noisy-io": "host's I/O scheduler (H4)",
    "false-optimisation-before": "is full: it holds 4 requests",
    "false-optimisation-after": "is full: it holds 4 requests",
    "tuned-before": "never holds more than 1",
}
# A finding that must be the consequence of another one.
CONSEQUENCES = {"noisy-cpu": {"STEAL_HIDDEN": "NOISY_CPU_NEIGHBOUR"}}
# Quick ones, each with the seconds that its cause needs.
FAST = {"ring-saturation": 2, "device-stall": 5, "page-cache-bound": 3, "false-optimisation-before": 2,
        "iothread-before": 2}


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode not in (0, 3):
        sys.exit("causes: %s: status %d: %s" % (" ".join(command[:3]), done.returncode, done.stderr[-500:]))
    return done.stdout


def query(hiddenq, incident, sql):
    return json.loads(run(hiddenq, "query", incident, sql, "--format", "json"))


def wrong(hiddenq, scenario, preset):
    """What is not as the truth says."""
    truth = json.load(open(os.path.join(scenario, "truth/summary.json")))
    with tempfile.TemporaryDirectory() as folder:
        # Without truth/: hiddenq must not see it.
        capture = os.path.join(folder, "capture")
        os.mkdir(capture)
        for name in os.listdir(scenario):
            if name.startswith(("guest-", "host")):
                os.symlink(os.path.join(scenario, name), os.path.join(capture, name))
        incident = os.path.join(folder, "incident.db")
        run(hiddenq, "ingest", incident, capture)
        run(hiddenq, "correlate", incident)
        # Per request, as the truth counts; hop_summary counts bios.
        hops = query(hiddenq, incident, """
            SELECT guest, avg(guest_scheduler_ns) AS guest_scheduler, avg(virtio_submit_ns) AS virtio_queue,
              avg(host_scheduler_ns) AS host_scheduler, avg(hardware_queue_ns) AS hardware,
              avg(virtio_return_ns) AS "return"
            FROM io WHERE leading = 1 AND op <> 'flush' AND match_grade IN ('exact', 'merged', 'split')
            GROUP BY guest""")
        findings = query(hiddenq, incident, "SELECT * FROM finding")
        report = run(hiddenq, "report", incident)
    problems = []
    found = {row.pop("guest"): max(row, key=lambda hop: row[hop] or 0) for row in hops}
    machines = truth["vms"]
    for name, machine in machines.items() if isinstance(machines, dict) else ((m["name"], m) for m in machines):
        if found.get(name) != machine["dominant_block_hop"]:
            problems.append("%s: dominant hop %s, truth %s" % (name, found.get(name), machine["dominant_block_hop"]))
    required, allowed = CAUSES[preset]
    for code, words in required.items():
        sentences = [f["sentence"] for f in findings if f["code"] == code and f["confidence"] != "none"]
        if not any(all(word in sentence for word in words) for sentence in sentences):
            problems.append("no %s that says %s: %s" % (code, words, sentences))
    tail = " ".join(report.partition("The tail, and what would help")[2].split())
    if TAILS.get(preset, "") not in tail:
        problems.append("the tail does not say %s: %s" % (TAILS[preset], tail[:300]))
    for code, cause in CONSEQUENCES.get(preset, {}).items():
        ranks = [f["rank"] for f in findings if f["code"] == cause]
        if not any(f["code"] == code and f["consequence_of"] in ranks for f in findings):
            problems.append("%s is no consequence of %s" % (code, cause))
    for finding in findings:
        if finding["from_ns"] is not None and not finding["from_ns"] <= finding["to_ns"]:
            problems.append("%s ends before it begins" % finding["code"])
        if finding["severity"] != "info" and finding["code"] not in required and finding["code"] not in allowed:
            problems.append("%s %s: %s" % (finding["severity"], finding["code"], finding["sentence"]))
    return problems


def unlike_truth(options, scenario, preset):
    """What tracegen's own scorer finds wrong, of waits and culprits, too."""
    scorer = os.path.join(options.tracegen, "score_incident.py")
    if not os.path.exists(scorer):
        return []
    # A capture that lost lines joins less.
    rest = ["--join", "0.99"] if preset == "messy" else []
    done = subprocess.run(
        [sys.executable, scorer, scenario, "--hiddenq", os.path.abspath(options.hiddenq), "--sched", *rest],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.splitlines()[-8:] if done.returncode else []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="a quick part, one seed each")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build/release/hiddenq"))
    parser.add_argument("--tracegen", default=os.path.join(ROOT, "../shared/tracegen"))
    options = parser.parse_args()
    generator = os.path.join(options.tracegen, "tracegen.py")
    if not os.path.exists(generator):
        print("causes: no tracegen in %s: nothing was scored" % options.tracegen)
        return 0
    bad = 0
    for preset in options.only or (FAST if options.fast else CAUSES):
        for seed in options.seeds[:1] if options.fast else options.seeds:
            with tempfile.TemporaryDirectory() as folder:
                scenario = os.path.join(folder, "scenario")
                seconds = ["--duration", str(FAST[preset])] if options.fast else []
                run(sys.executable, generator, preset, scenario, "--seed", str(seed), "--no-verify", *seconds)
                problems = wrong(os.path.abspath(options.hiddenq), scenario, preset)
                if not options.fast:
                    problems += unlike_truth(options, scenario, preset)
            print("%-28s seed %-6d %s" % (preset, seed, "right" if not problems else "WRONG"), flush=True)
            for problem in problems:
                print("    " + problem)
            bad += bool(problems)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
