#!/usr/bin/env python3
"""Checks the host side of guests' flushes against a scenario's truth; the scorer looks at I/Os with an address.

usage: flushes.py SCENARIO INCIDENT [--hiddenq PATH] [--tracegen DIR]

SCENARIO is a folder that tracegen made, INCIDENT holds its guests and host and is correlated. No flush has another's
host side, and H3 is never below zero.

Exit status: 0 all as the truth has it; 1 not; 2 could not be run.
"""
import bisect
import csv
import json
import os
import sys

from clocks import run
from counters import query

# Stamps of the trace are rounded, and a Q is some ns before the request is handed over.
SAME_NS = 3000


def problems(hiddenq, incident, scenario, tracegen):
    """What is not as the truth of the scenario has it; one sentence each."""
    if tracegen not in sys.path:
        sys.path.insert(0, tracegen)
    import score_incident

    with open(os.path.join(scenario, "truth", "clocks.json")) as file:
        clocks = json.load(file)
    with open(os.path.join(scenario, "truth", "ios.csv")) as file:
        ios = list(csv.DictReader(file))
    start = next((int(io["hq_trace_ns"]) - int(io["t4_ns"]) for io in ios if io["hq_trace_ns"] and io["t4_ns"]), None)
    if start is None:
        return []
    flushes = {}
    for io in ios:
        if io["kind"] == "flush" and io["t4_ns"]:
            flushes.setdefault(io["vm"], []).append((int(io["t3_ns"]) + start, int(io["t4_ns"]) + start))
    for own in flushes.values():
        own.sort()

    wrong, below, count = 0, 0, 0
    for row in query(hiddenq, incident, (
            "SELECT io.guest, io.queued_at_ns AS own, request.queued_ns AS there, io.virtio_queue_ns AS h3 FROM io"
            " JOIN request ON request.request_id = io.host_request_id WHERE io.op = 'flush'")):
        own = flushes.get(row["guest"], [])
        near = []
        for moment in score_incident.true_host_times(clocks, row["guest"], int(row["own"])):
            place = bisect.bisect_left(own, (moment - SAME_NS, 0))
            while place < len(own) and own[place][0] <= moment + SAME_NS:
                near.append(own[place][1])
                place += 1
        if not near:
            continue
        count += 1
        wrong += all(abs(there - int(row["there"])) > SAME_NS for there in near)
        # Where no clock relates the two sides it is not known.
        below += row["h3"] != "" and int(row["h3"]) < 0
    found = []
    if wrong:
        found.append("%d of %d flushes have another's host side" % (wrong, count))
    if below:
        found.append("%d of %d flushes have an H3 below zero" % (below, count))
    return found


if __name__ == "__main__":
    sys.exit(run("flushes", __doc__, problems, "no flush has another's host side"))
