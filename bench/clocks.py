#!/usr/bin/env python3
"""Checks what hiddenq says of clocks and of lost events against a scenario's truth.

usage: clocks.py SCENARIO INCIDENT [--hiddenq PATH] [--tracegen DIR]

SCENARIO is a folder that tracegen made, INCIDENT holds its guests and host and is correlated. The true relation is
within the bound of every I/O, not only at a few times; a step of more than twice the bound is found; the lost events of
every trace are counted to the number.

Exit status: 0 all as the truth has it; 1 not; 2 could not be run.
"""
import argparse
import json
import os
import sys

from counters import ROOT, query

# An I/O is mapped once and rounded.
ROUNDING_NS = 1


def problems(hiddenq, incident, scenario, tracegen):
    """What is not as the truth of the scenario has it; one sentence each."""
    if tracegen not in sys.path:
        sys.path.insert(0, tracegen)
    import score_incident

    def truth(name):
        with open(os.path.join(scenario, "truth", name)) as file:
            return json.load(file)

    clocks, files = truth("clocks.json"), truth("summary.json")["files"]
    found = []
    outside, worst, count = {}, {}, {}
    for row in query(hiddenq, incident, (
            "SELECT guest, queued_at_ns AS own, reference_ns AS at, clock_error_ns AS bound FROM io"
            " WHERE queued_at_ns IS NOT NULL AND clock_error_ns IS NOT NULL")):
        guest, own = row["guest"], int(row["own"])
        count[guest] = count.get(guest, 0) + 1
        away = min(abs(int(row["at"]) - true) for true in score_incident.true_host_times(clocks, guest, own))
        if away > int(row["bound"]) + ROUNDING_NS:
            outside[guest] = outside.get(guest, 0) + 1
            worst[guest] = max(worst.get(guest, 0), away - int(row["bound"]))
    for guest, number in outside.items():
        found.append("%s: the true clock is outside of the bound of %d of %d I/Os, by up to %.0f ns" % (
            guest, number, count[guest], worst[guest]))

    for row in query(hiddenq, incident, (
            "SELECT machine, count(*) AS stretches, max(error_ns) AS bound FROM clock"
            " WHERE tool_clock = 'blktrace' AND method <> 'reference' GROUP BY machine")):
        if row["machine"] not in count:
            found.append("%s: no I/O has a bound" % row["machine"])
        step = clocks["files"]["guest-%s/blkparse.txt" % row["machine"]].get("step_ns") or 0
        if abs(step) > 2 * int(row["bound"]) and int(row["stretches"]) < 2:
            found.append("%s: a step of %.1f us is not found, the bound is %.1f us" % (
                row["machine"], step / 1e3, int(row["bound"]) / 1e3))
        if step == 0 and int(row["stretches"]) != 1:
            found.append("%s: %s stretches of a clock that does not step" % (row["machine"], row["stretches"]))

    for row in query(hiddenq, incident, "SELECT path, lost_events FROM source"):
        name = "/".join(row["path"].split("/")[-2:])
        if "lost" in files.get(name, {}) and int(row["lost_events"]) != files[name]["lost"]:
            found.append("%s: %s lost events, true %d" % (name, row["lost_events"], files[name]["lost"]))
    return found


def run(name, description, problems, fine):
    """The command line of a check of one scenario: prints what `problems` finds, or `fine`; its exit status."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario")
    parser.add_argument("incident")
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build/release/hiddenq"))
    parser.add_argument("--tracegen", default=os.path.join(ROOT, "../shared/tracegen"))
    options = parser.parse_args()
    try:
        found = problems(
            os.path.abspath(options.hiddenq), options.incident, options.scenario, options.tracegen)
    except (OSError, RuntimeError) as error:
        print("%s: %s" % (name, error), file=sys.stderr)
        return 2
    print("\n".join(found) or fine)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(run("clocks", __doc__, problems, "clocks and lost events are as the truth has them"))
