#!/usr/bin/env python3
"""How loading and the fleet's queries grow with the number of incidents, in a real ClickHouse (chdb).

usage: fleet.py --hiddenq PATH [--steps 100,1000]

Synthesises incidents from the capture in Fixtures/, loads them one by one as `hiddenq fleet load` says, and times
every query at each step. Prints a Markdown table; the times are of this machine, what
counts is how they grow.
"""
import argparse
import os
import statistics
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "Tests/fleet"))
from chdb import session

import fleet_test as fleet
import incidents

TABLES = ("source", "hop_interval", "thread_wait", "culprit", "steal", "finding", "incident")
QUERIES = ("worst-hosts", "returning-neighbours", "steal-by-generation", "regressions", "hop-percentiles-by-day",
           "findings-by-code")


def timed(server, sql):
    times = []
    for _ in range(3):
        start = time.process_time()
        fleet.rows(server, sql, hop="virtio_queue", since="2026-10-06 00:00:00")
        times.append(time.process_time() - start)
    return statistics.median(times)


def measure(server, hiddenq, count, load):
    rows = sum(int(fleet.rows(server, "SELECT count() FROM hiddenq.%s" % table)[0][0]) for table in TABLES)
    size = fleet.rows(server, "SELECT sum(bytes_on_disk) FROM system.parts WHERE database = 'hiddenq' AND active")
    queries = [timed(server, fleet.run(hiddenq, "fleet", "query", name)) for name in QUERIES]
    print("| %s | %s | %.0f | %.1f | %s |" % (
        format(count, ","), "%.0f" % (1000 * load), rows / count,
        int(size[0][0]) / count / 1000, " | ".join("%.0f" % (1000 * seconds) for seconds in queries)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hiddenq", required=True)
    parser.add_argument("--capture", default=os.path.join(ROOT, "Fixtures/kvm-noisy-cpu"))
    parser.add_argument("--steps", default="100,1000")
    options = parser.parse_args()
    options.hiddenq = os.path.abspath(options.hiddenq)
    print("| incidents | load, ms CPU each | rows each | kB each | " +
          " | ".join("%s, ms CPU" % name for name in QUERIES) + " |")
    print("|---:|" + "---:|" * (3 + len(QUERIES)))
    with tempfile.TemporaryDirectory() as folder:
        base = os.path.join(folder, "base.db")
        fleet.run(options.hiddenq, "ingest", base, options.capture)
        fleet.run(options.hiddenq, "correlate", base)
        server = session.Session(os.path.join(folder, "clickhouse"))
        for statement in fleet.statements(fleet.run(options.hiddenq, "fleet", "ddl", "--single-node")):
            server.query(statement)
        done = 0
        for step in map(int, options.steps.split(",")):
            spent, first = 0.0, done
            while done < step:
                path = os.path.join(folder, "incident.db")
                incidents.vary(base, path, done, hosts=200, guests=1000, days=90)
                script = fleet.statements(fleet.run(options.hiddenq, "fleet", "load", path))
                start = time.process_time()
                for statement in script:
                    server.query(statement)
                spent += time.process_time() - start
                done += 1
            measure(server, options.hiddenq, done, spent / (step - first))


if __name__ == "__main__":
    main()
