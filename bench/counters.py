#!/usr/bin/env python3
"""Checks what hiddenq says of memory nodes and the network against a scenario's truth.

usage: counters.py SCENARIO [--hiddenq PATH] [--incident FILE]

SCENARIO is a folder that tracegen made; the truth in it is never ingested. With --incident that file is looked
at, which must hold the scenario's guests and host and be correlated.

The remote share of each guest within 2 points, growth of numastat's counters and lost packets exact, the tap
the first point that loses and the only one, findings only where the truth has a cause for them.

Exit status: 0 all as the truth has it; 1 not; 2 could not be run.
"""
import argparse
import csv
import io
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# In parts of 1.
REMOTE_TOLERANCE = 0.02


def query(hiddenq, incident, sql):
    done = subprocess.run([hiddenq, "query", incident, sql, "--format", "csv"], capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode(errors="replace").strip())
    return list(csv.DictReader(io.StringIO(done.stdout.decode())))


def problems(hiddenq, incident, scenario):
    """What is not as the truth of the scenario has it; one sentence each."""
    with open(os.path.join(scenario, "truth", "summary.json")) as file:
        truth = json.load(file)
    found = []
    guests = truth["vms"]

    placement = {row["guest"]: row for row in query(
        hiddenq, incident,
        "SELECT guest, sum(remote_share) AS remote, sum(run_share) AS run, sum(memory_share) AS memory"
        " FROM numa_placement GROUP BY guest")}
    codes = {}
    for row in query(hiddenq, incident, "SELECT guest, code FROM finding WHERE confidence <> 'none'"):
        codes.setdefault(row["guest"], set()).add(row["code"])
    for guest, said in guests.items():
        true = said["numa_remote_run_fraction"]
        row = placement.get(guest)
        if row is None or row["remote"] == "":
            found.append("%s: no remote share" % guest)
        else:
            if abs(float(row["remote"]) - true) > REMOTE_TOLERANCE:
                found.append("%s: remote share %.3f, true %.3f" % (guest, float(row["remote"]), true))
            for name in ("run", "memory"):
                if abs(float(row[name]) - 1) > 1e-9:
                    found.append("%s: %s shares add up to %s" % (guest, name, row[name]))
        if ("NUMA_REMOTE" in codes.get(guest, ())) != (true >= 0.2):
            found.append("%s: NUMA_REMOTE is wrong at a true remote share of %.3f" % (guest, true))
        if "NUMA_SPANNING" in codes.get(guest, ()):
            found.append("%s: NUMA_SPANNING of a guest that stays on its node" % guest)

    for row in query(
            hiddenq, incident,
            "SELECT node, sum(numa_hit) AS numa_hit, sum(numa_miss) AS numa_miss,"
            " sum(numa_foreign) AS numa_foreign, sum(interleave_hit) AS interleave_hit,"
            " sum(local_node) AS local_node, sum(other_node) AS other_node"
            " FROM numa_counter WHERE layer = 'host' GROUP BY node"):
        for name, grown in truth["host_numa_delta"].items():
            if int(row[name]) != grown[int(row["node"])]:
                found.append("node %s: %s grew by %s, true %d" % (
                    row["node"], name, row[name], grown[int(row["node"])]))

    losses = {}
    for row in query(
            hiddenq, incident,
            "SELECT guest, point, direction, drops, first_loss FROM net_path WHERE drops > 0"):
        losses.setdefault(row["guest"], []).append(row)
    for guest, said in guests.items():
        true = said["net_drops"]["tap_tx"]
        own = losses.get(guest, [])
        if sum(int(row["drops"]) for row in own) != true:
            found.append("%s: lost packets %s, true %d" % (guest, [row["drops"] for row in own], true))
        first = [row for row in own if row["first_loss"] == "1"]
        right = [row for row in first
                 if row["point"].startswith("tap tap") and row["direction"] == "to_guest"]
        if len(first) != (1 if true else 0) or len(right) != len(first):
            found.append("%s: first loss %s" % (guest, [row["point"] for row in first]))
        if ("NET_DROP_BEFORE_WIRE" in codes.get(guest, ())) != (true > 0):
            found.append("%s: NET_DROP_BEFORE_WIRE is wrong at %d lost packets" % (guest, true))
    for row in losses.get("", []):
        found.append("%s lost %s packets of nobody known" % (row["point"], row["drops"]))
    return found


def ingest(hiddenq, scenario, folder):
    """The incident file of a scenario, without its truth."""
    capture = os.path.join(folder, "capture")
    os.makedirs(capture)
    for name in os.listdir(scenario):
        if name == "host" or name.startswith("guest-"):
            os.symlink(os.path.join(os.path.abspath(scenario), name), os.path.join(capture, name))
    incident = os.path.join(folder, "incident.db")
    for arguments in (["ingest", incident, capture], ["correlate", incident]):
        done = subprocess.run([hiddenq] + arguments, capture_output=True)
        if done.returncode not in (0, 3):
            raise RuntimeError(done.stderr.decode(errors="replace").strip())
    return incident


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario")
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build/release/hiddenq"))
    parser.add_argument("--incident")
    options = parser.parse_args()
    hiddenq = os.path.abspath(options.hiddenq)
    try:
        with tempfile.TemporaryDirectory(prefix="hiddenq-counters-") as folder:
            incident = options.incident or ingest(hiddenq, options.scenario, folder)
            found = problems(hiddenq, incident, options.scenario)
    except (OSError, RuntimeError, KeyError) as error:
        print("counters: %s" % error, file=sys.stderr)
        return 2
    for problem in found:
        print("NOT AS THE TRUTH: " + problem)
    print("%d problems with memory nodes and network" % len(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
