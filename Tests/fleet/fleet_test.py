#!/usr/bin/env python3
"""The fleet's tables and queries in a real ClickHouse (chdb: the engine in this process).

usage: fleet_test.py --hiddenq PATH [--tracegen DIR] [--incidents N]

Makes incidents, loads each of them twice as the documentation says, and compares the answer of every query
with the same computed from the incident files by sqlite3. Ends with 'N passed, N failed'.
"""
import argparse
import bisect
import collections
import datetime
import math
import os
import re
import sqlite3
import subprocess
import sys
import tempfile

from chdb import session

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import incidents

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOUND = ("exact", "merged", "split")
WITH_DATA = ("read", "write", "discard", "other")
HOPS = ("page_cache", "guest_scheduler", "virtio_queue", "virtio_submit", "virtio_return", "host_scheduler",
        "hardware_queue", "block", "total")
# quantilesTDigest promises an error of 1 % of the rank.
RANK_ERROR = 0.01


class Checks:
    def __init__(self):
        self.passed, self.failed = 0, []

    def __call__(self, holds, what):
        if holds:
            self.passed += 1
        else:
            self.failed.append(what)
            print("FAILED: " + what)


def run(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode not in (0, 3):
        sys.exit("%s: %d\n%s" % (" ".join(words), done.returncode, done.stderr.decode()))
    return done.stdout.decode()


def statements(text):
    """The statements of a script, without comments; ours have no semicolon inside a literal."""
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [part.strip() for part in text.split(";\n") if part.strip().rstrip(";")]


def rows(server, sql, **parameters):
    for name, value in parameters.items():
        sql = re.sub(r"\{%s:\w+\}" % name, "'%s'" % value, sql)
    return [line.split("\t") for line in server.query(sql.rstrip().rstrip(";"), "TabSeparated").bytes()
            .decode().splitlines()]


class Truth:
    """What the incident files say, computed without ClickHouse."""

    def __init__(self, files):
        self.hops = []  # (host, hop, day, at in s, incident, value)
        self.culprits, self.findings, self.steals, self.costs = [], [], [], []
        self.sources = 0
        for number, path in enumerate(files):
            db = sqlite3.connect(path)
            start = db.execute("SELECT coalesce((SELECT min(start_ns) FROM source WHERE start_clock = 'CLOCK_REALTIME'"
                               " AND layer = 'host' AND duplicate_of IS NULL), (SELECT min(start_ns) FROM source"
                               " WHERE start_clock = 'CLOCK_REALTIME' AND duplicate_of IS NULL))").fetchone()[0]
            self.sources += db.execute("SELECT count(DISTINCT machine || sha256) FROM source").fetchone()[0]
            host_of = dict(db.execute("SELECT guest, host FROM device_map"))
            joined = set(db.execute("SELECT guest, guest_device FROM device_map"))
            columns = ", ".join("%s_ns" % hop for hop in HOPS)
            for row in db.execute("SELECT guest, device, op, match_grade, reference_ns, %s FROM io "
                                  "WHERE reference_ns IS NOT NULL" % columns):
                guest, device, op, grade, at = row[:5]
                if op not in WITH_DATA:
                    continue
                values = dict(zip(HOPS, row[5:]))
                if (guest, device) in joined and (grade not in SOUND or values["block"] is None):
                    continue
                second = start // 10**9 + 10 * (at // 10**10)
                for hop, value in values.items():
                    if value is not None:
                        self.hops.append((host_of.get(guest, ""), hop, second, number, value))
            for row in db.execute("SELECT machine, victim_guest, culprit_guest, culprit_comm, class, sum(wait_ns) FROM "
                                  "culprit WHERE victim_guest IS NOT NULL GROUP BY 1, 2, 3, 4, 5"):
                self.culprits.append((number, start) + row)
            for row in db.execute("SELECT code, severity, confidence, guest FROM finding"):
                self.findings.append((number,) + row)
            for row in db.execute("SELECT finding_id, code, from_ns, to_ns, explains_ns, consequence_of FROM finding"):
                self.costs.append((start,) + row)
            for row in db.execute("SELECT guest, at_ns, guest_reported_pct, host_measured_pct FROM steal "
                                  "WHERE at_ns IS NOT NULL"):
                self.steals.append((number, host_of.get(row[0], ""), start // 10**9 + row[1] // 10**9) + row)
            db.close()

    def values(self, choose):
        groups = collections.defaultdict(list)
        ids = collections.defaultdict(set)
        for host, hop, second, incident, value in self.hops:
            key = choose(host, hop, second)
            if key is not None:
                groups[key].append(value)
                ids[key].add(incident)
        for group in groups.values():
            group.sort()
        return groups, ids


def is_quantile(values, share, milliseconds):
    """Whether a value lies within the digest's error of that rank, or as close to the value of that rank: between
    ties a digest gives a value beside them, whose rank jumps by as many as there are."""
    value = float(milliseconds) * 1e6
    exact = values[max(0, math.ceil(share * len(values)) - 1)]
    if abs(value - exact) <= RANK_ERROR * abs(exact):
        return True
    slack = max(abs(value) * 1e-6, 1)  # the digest holds 32-bit floats
    low = bisect.bisect_left(values, value - slack) / len(values)
    high = bisect.bisect_right(values, value + slack) / len(values)
    # Between two neighbours the digest interpolates: one rank on either side.
    edge = 1 / len(values)
    return low - RANK_ERROR - edge <= share <= high + RANK_ERROR + edge


def day(second):
    return datetime.datetime.fromtimestamp(second, datetime.timezone.utc).strftime("%Y-%m-%d")


def check_queries(check, server, hiddenq, truth):
    def query(name, **parameters):
        return rows(server, run(hiddenq, "fleet", "query", name), **parameters)

    since = "2026-10-06 00:00:00"
    border = datetime.datetime(2026, 10, 6, tzinfo=datetime.timezone.utc).timestamp()
    past = "2020-01-01 00:00:00"

    values, ids = truth.values(lambda host, hop, second: host if hop == "virtio_queue" and host else None)
    got = query("worst-hosts", hop="virtio_queue", since=past)
    check({row[0] for row in got} == set(values), "worst-hosts: the hosts")
    for host, count, ios, mean, p50, p99, longest in got:
        own = values[host]
        check(int(count) == len(ids[host]) and int(ios) == len(own), "worst-hosts %s: counts" % host)
        check(abs(float(mean) * 1e6 * len(own) - sum(own)) <= 1e-6 * sum(map(abs, own)), "worst-hosts %s: mean" % host)
        check(is_quantile(own, 0.5, p50) and is_quantile(own, 0.99, p99), "worst-hosts %s: quantiles" % host)
        check(abs(float(longest) * 1e6 - own[-1]) < 1, "worst-hosts %s: max" % host)
    check([float(row[5]) for row in got] == sorted((float(row[5]) for row in got), reverse=True), "worst-hosts: order")

    values, _ = truth.values(lambda host, hop, second: (day(second), hop))
    got = query("hop-percentiles-by-day", since=past)
    check({(row[0], row[1]) for row in got} == set(values), "hop-percentiles-by-day: days and hops")
    for row in got:
        own = values[(row[0], row[1])]
        check(int(row[2]) == len(own), "hop-percentiles-by-day %s %s: count" % (row[0], row[1]))
        check(all(is_quantile(own, share, value) for share, value in zip((0.5, 0.9, 0.99, 0.999), row[3:7])),
              "hop-percentiles-by-day %s %s: quantiles %s" % (row[0], row[1], row[3:7]))

    before, _ = truth.values(lambda host, hop, second: (host, hop) if second < border and host else None)
    after, _ = truth.values(lambda host, hop, second: (host, hop) if second >= border and host else None)
    expected = {key for key in before if len(before[key]) >= 1000 and len(after.get(key, ())) >= 1000}
    got = query("regressions", since=since)
    check(len(expected) > 0 and {(row[0], row[1]) for row in got} <= expected and len(got) == min(50, len(expected)),
          "regressions: hosts and hops")
    for row in got:
        key = (row[0], row[1])
        check(int(row[2]) == len(before[key]) and int(row[3]) == len(after[key]), "regressions %s: counts" % (key,))
        check(is_quantile(before[key], 0.99, row[4]) and is_quantile(after[key], 0.99, row[5]),
              "regressions %s: quantiles" % (key,))

    neighbours = collections.defaultdict(lambda: [set(), set(), set(), 0])
    for number, start, host, victim, guest, comm, kind, wait in truth.culprits:
        if kind in ("guest", "host"):
            entry = neighbours["guest %s" % guest if guest else comm or ""]
            entry[0].add(number), entry[1].add(host), entry[2].add(victim)
            entry[3] += wait
    expected = {name: entry for name, entry in neighbours.items() if len(entry[0]) > 1}
    got = query("returning-neighbours", since=past)
    check(len(got) == min(50, len(expected)), "returning-neighbours: how many")
    for row in got:
        entry = expected.get(row[0])
        check(entry is not None and int(row[1]) == len(entry[0]) and int(row[2]) == len(entry[1])
              and abs(float(row[4]) * 1e9 - entry[3]) <= 1e3, "returning-neighbours %s" % row[0])

    generations = collections.defaultdict(list)
    for number, host, second, _, _, reported, measured in truth.steals:
        generations["new" if host in ("h00", "h01") else "unknown"].append((number, host, reported, measured))
    got = query("steal-by-generation", since=past)
    check({row[0] for row in got} == set(generations), "steal-by-generation: generations")
    for row in got:
        own = generations[row[0]]
        measured = [entry[3] for entry in own if entry[3] is not None]
        check(int(row[3]) == len(own) and int(row[6]) == sum(value > 5 for value in measured),
              "steal-by-generation %s: counts" % row[0])
        check(row[4] == "\\N" if not measured else abs(float(row[4]) - sum(measured) / len(measured)) < 1e-6,
              "steal-by-generation %s: mean" % row[0])

    codes = collections.defaultdict(set)
    for number, code, severity, confidence, _ in truth.findings:
        if confidence != "none":
            codes[(code, severity)].add(number)
    got = query("findings-by-code", since=past)
    check({(row[0], row[1]): int(row[2]) for row in got} == {key: len(own) for key, own in codes.items()},
          "findings-by-code")

    # Times are cut to milliseconds on both sides of a sum.
    got = [[None if value == "\\N" else value for value in row] for row in
           rows(server, "SELECT number, code, consequence_of, toUnixTimestamp64Milli(began), toUnixTimestamp64Milli(ended), "
                        "explains_ms FROM hiddenq.finding FINAL")]
    expected = [[str(number), code, cause if cause is None else str(cause)]
                + [moment if moment is None else (start + moment) / 1e6 for moment in (begin, end)]
                + [cost if cost is None else cost / 1e6]
                for start, number, code, begin, end, cost, cause in truth.costs]
    got = [row[:3] + [value if value is None else float(value) for value in row[3:]] for row in got]
    check(any(row[3] for row in got) and any(row[5] for row in got), "findings have times and costs")

    def order(row):
        return [str(value) for value in row[:3]] + [value or 0 for value in row[3:]]

    got, expected = sorted(got, key=order), sorted(expected, key=order)
    check(len(got) == len(expected) and all(
        own[:3] == true[:3] and all(
            (one is None) == (other is None) and (one is None or abs(one - other) <= 2)
            for one, other in zip(own[3:5], true[3:5]))
        and (own[5] is None) == (true[5] is None) and abs((own[5] or 0) - (true[5] or 0)) <= 1e-6 * (true[5] or 0)
        for own, true in zip(got, expected)), "findings: times, costs, consequences")


def make_incidents(options, folder):
    bases = []
    captures = [os.path.join(ROOT, "Fixtures", name) for name in ("kvm-noisy-cpu", "kvm-cpu-neighbour")]
    if options.tracegen:
        for preset, seed in (("noisy-cpu", 3), ("multi-vm", 4)):
            scenario = os.path.join(folder, preset)
            run(sys.executable, os.path.join(options.tracegen, "tracegen.py"), preset, scenario, "--seed", str(seed),
                "--duration", "2")
            captures.append(scenario)
    else:
        print("note: no --tracegen: the incidents of the fixtures only")
    for number, capture in enumerate(captures):
        base = os.path.join(folder, "base%d.db" % number)
        run(options.hiddenq, "ingest", base, capture)
        run(options.hiddenq, "correlate", base)
        bases.append(base)
    files = []
    for number in range(options.incidents):
        path = os.path.join(folder, "incident-%03d.db" % number)
        incidents.vary(bases[number % len(bases)], path, number)
        files.append(path)
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hiddenq", required=True)
    parser.add_argument("--tracegen", help="the folder of tracegen.py")
    parser.add_argument("--incidents", type=int, default=36)
    options = parser.parse_args()
    options.hiddenq = os.path.abspath(options.hiddenq)
    check = Checks()
    with tempfile.TemporaryDirectory() as folder:
        files = make_incidents(options, folder)
        server = session.Session(os.path.join(folder, "clickhouse"))
        for statement in statements(run(options.hiddenq, "fleet", "ddl")):
            server.query("SELECT formatQuery('%s')" % statement.replace("\\", "\\\\").replace("'", "\\'"))
        check(True, "the cluster's tables are what ClickHouse can parse")
        for statement in statements(run(options.hiddenq, "fleet", "ddl", "--single-node")):
            server.query(statement)
        server.query("INSERT INTO hiddenq.host (host, generation, site) VALUES ('h00', 'new', 'a'), ('h01', 'new', 'b')")
        for statement in statements(run(options.hiddenq, "fleet", "load", *files)):
            server.query(statement)
        truth = Truth(files)
        check_queries(check, server, options.hiddenq, truth)
        tables = ("incident", "source", "hop_interval", "thread_wait", "culprit", "steal", "finding")

        def counts():
            return [rows(server, "SELECT count() FROM hiddenq.%s FINAL" % table) for table in tables]

        once = counts()
        check(once[0] == [[str(len(files))]] and once[1] == [[str(truth.sources)]], "every incident and source is there")
        for statement in statements(run(options.hiddenq, "fleet", "load", *files)):
            server.query(statement)
        check(counts() == once, "the same incidents again change nothing")
        check_queries(check, server, options.hiddenq, truth)
        exported = os.path.join(folder, "exported")
        run(options.hiddenq, "export", files[0], "--format", "jsonl", "-o", exported)
        for statement in statements(run(options.hiddenq, "fleet", "load", files[0], "--jsonl", exported)):
            # FROM INFILE is the client's; the engine in this process reads the same file by itself.
            statement = re.sub(r"FROM INFILE ('[^']*') FORMAT JSONEachRow",
                               r"SELECT * FROM file(\1, JSONEachRow)", statement)
            server.query(statement)
        check(counts() == once, "an incident loaded from its export is the one loaded from its file")
        check_queries(check, server, options.hiddenq, truth)
    print("%d passed, %d failed" % (check.passed, len(check.failed)))
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
