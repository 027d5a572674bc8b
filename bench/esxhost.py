#!/usr/bin/env python3
"""Sums block traces of a host into rows as its esxtop would print them, and checks what hiddenq makes of them beside a guest.

    python3 bench/esxhost.py PROGRAM GUEST:HOST... [--draws N] [--period S] [--seed N]

GUEST and HOST are texts of blkparse (or .gz) of one capture: of a guest, and of the host below it, as those of KVM captures or of
a simulator. The host's requests on the guest's sectors become a VM: its virtual disk and GAVG from Q to C, DAVG from D to C, QAVG
the rest. The clock of the rows is off by a time that the program does not know, their period is a little longer than asked for and
not quite even, and stamps are cut to seconds. Pairs of one HOST are VMs of one host. In every second draw the guest's VM, and
all that share its trace, are left out: then the guest runs on another host, and the program must refuse.

The truth is had from the two traces alone: which sectors are the guest's by the most frequent distance of sectors, and the distance
of their clocks by requests of the host that must lie within those of the guest. Printed are the share of draws that were judged
right, how far edges of rows were off, and how far the driver's part was from the guest's D to C less the host's Q to C."""
import argparse
import bisect
import collections
import gzip
import json
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

import esxjoin

LINE = re.compile(r"\s*(\d+,\d+)\s+\d+\s+\d+\s+([\d.]+)\s+\d+\s+([QDC])\s+(\S+)\s+(\d+) \+ (\d+)")
Request = collections.namedtuple("Request", "queued issued done sector sectors is_read")


def requests(path):
    """Reads and writes of each device, in the order of their completion."""
    text = gzip.open(path, "rt", errors="replace") if path.endswith(".gz") else open(path, errors="replace")
    queued, issued, found = {}, {}, collections.defaultdict(list)
    with text:
        for line in text:
            match = LINE.match(line)
            if not match:
                continue
            device, at, action, flags, sector, sectors = match.groups()
            if "D" in flags or not ("R" in flags or "W" in flags):
                continue
            key, at = (device, int(sector)), float(at)
            if action == "Q":
                queued[key] = at
            elif action == "D":
                issued[key] = at
            elif key in issued:
                start = issued.pop(key)
                found[device].append(Request(
                    queued.pop(key, start), start, at, int(sector), int(sectors), "R" in flags))
    return found


class Pair:
    """A guest's disk and what the host did for it, on the host's clock."""

    def __init__(self, guest, host):
        self.path, self.host_path = guest, host
        self.guest = max(requests(guest).values(), key=len)
        best = max((self.distance(own), device, own) for device, own in requests(host).items())
        (_, shift), _, own = best
        first, last = min(r.sector for r in self.guest), max(r.sector + r.sectors for r in self.guest)
        self.host = sorted(
            (r for r in own if first <= r.sector - shift < last), key=lambda r: r.done)
        # A request of the host lies within that of the guest: most of the true ones hold at one distance of the clocks.
        at = collections.defaultdict(list)
        for request in self.host:
            at[request.sector - shift, request.sectors].append(request)
        ends = []
        for request in self.guest:
            others = at[request.sector, request.sectors]
            # Where the same sectors are written again and again one distance is hardly better than another.
            for other in others if len(others) <= 8 else []:
                low, high = other.done - request.done, other.queued - request.issued
                if low <= high:
                    ends += [(low, 0), (high, 1)]
        depth, most, bounds = 0, 0, None
        ends.sort()
        for (place, end), (following, _) in zip(ends, ends[1:]):
            depth += -1 if end else 1
            if depth > most:
                most, bounds = depth, (place, following)
        self.ahead = sum(bounds) / 2  # Added to a moment of the guest's trace: the host's.
        self.name = "/".join(guest.split("/")[-3:-1])
        self.completions = [r.done for r in self.host]
        self.guest_completions = [r.done + self.ahead for r in self.guest]

    def distance(self, host):
        """How many of the guest's requests hold, and at which distance of sectors most do."""
        sectors = collections.defaultdict(set)
        for request in host:
            sectors[request.sectors].add(request.sector)
        sample = self.guest[:: max(1, len(self.guest) // 120)]
        found = {sector - own.sector for own in sample[::40] for sector in sectors[own.sectors]}
        votes = {shift: sum(own.sector + shift in sectors[own.sectors] for own in sample[::6]) for shift in found}
        likely = sorted(votes, key=votes.get)[-200:]
        return max(((sum(own.sector + shift in sectors[own.sectors] for own in sample), shift) for shift in likely),
                   default=(0, 0))

    def within(self, start, end):
        own = self.host[bisect.bisect_right(self.completions, start):bisect.bisect_right(self.completions, end)]
        places = range(bisect.bisect_right(self.guest_completions, start), bisect.bisect_right(self.guest_completions, end))
        return own, [self.guest[place] for place in places]


def mean(values):
    values = list(values)
    return 1e3 * statistics.fmean(values) if values else 0.0


def write(path, pairs, edges, stamps):
    tables = []
    for pair in pairs:
        rows = []
        for start, end in zip(edges, edges[1:]):
            own, _ = pair.within(start, end)
            values = {}
            for name, is_read in (("Read", True), ("Write", False)):
                those = [r for r in own if r.is_read == is_read]
                values[f"{name}s/sec"] = len(those) / (end - start)
                values[f"Average MilliSec/{name}"] = mean(r.done - r.queued for r in those)
            values["Commands/sec"] = len(own) / (end - start)
            gavg, davg = mean(r.done - r.queued for r in own), mean(r.done - r.issued for r in own)
            rows.append((values, (gavg, davg)))
        tables.append(rows)
    esxjoin.write_tables(path, [f"vm{number}" for number in range(len(pairs))], tables, stamps)


def draw(program, pairs, number, period, folder):
    """Whether it was judged right, what was said, errors of edges (s), and of rows: (is within, error ms, D2C ms)."""
    own = pairs[number // 2 % len(pairs)]
    is_there = number % 2 == 0
    real = period * (1 + random.uniform(0, 0.015))
    edges = [own.completions[0] + random.uniform(0, real)]
    while edges[-1] + real < own.completions[-1]:
        edges.append(edges[-1] + real + random.gauss(0, 0.02))
    base = 1_796_000_000 + random.random()
    stamps = [time.strftime("%m/%d/%Y %H:%M:%S", time.gmtime(math.floor(base + edge))) for edge in edges]
    others = [pair for pair in pairs if pair.host_path != own.host_path]
    # VMs of another host were not there at that time; theirs is moved to it.
    vms = [p for p in pairs if p.host_path == own.host_path] if is_there else others
    if not vms:
        return None
    os.makedirs(f"{folder}/c/guest-db1")
    os.makedirs(f"{folder}/c/host-esx1")
    text = (gzip.open if own.path.endswith(".gz") else open)(own.path, "rb").read()
    with open(f"{folder}/c/guest-db1/blkparse.txt", "wb") as copy:
        copy.write(text)
    write(f"{folder}/c/host-esx1/esxtop.csv", vms, edges, stamps)
    subprocess.run([program, "analyze", f"{folder}/c", "-o", f"{folder}/o"], check=True, stdout=subprocess.DEVNULL)
    incident = f"{folder}/o/incident.db"
    match = esxjoin.query(program, incident, "SELECT * FROM esx_match ORDER BY samples DESC LIMIT 1")
    verdict = match[0]["verdict"] if match else "none"
    if not is_there:
        said = f"{own.name} on another host: {verdict}"
        if verdict == "tied":
            said += f" {match[0]['vm']} by {match[0]['samples']} rows, mismatch {match[0]['mismatch_pct']:.1f} %"
        return verdict in ("refused", "ambiguous", "none"), said, [], []
    found = verdict == "tied" and match[0]["vm"] == f"vm{vms.index(own)}"
    said = f"{own.name}: {verdict} {match[0]['vm'] if match else ''}, mismatch {match[0]['mismatch_pct'] if match else 0:.1f} %"
    if not found:
        return False, said, [], []
    errors, rows = [], []
    for row in esxjoin.query(program, incident, "SELECT * FROM esx_layer"):
        start, end = edges[row["line"] - 2], edges[row["line"] - 1]
        errors.append(abs(row["to_ns"] / 1e9 + own.ahead - end))
        if row["is_comparable"] != 1 or row["driver_ms"] is None:
            continue
        host, guest = own.within(start, end)
        truth = mean(r.done - r.issued for r in guest) - mean(r.done - r.queued for r in host)
        error = abs(row["driver_ms"] - truth)
        rows.append((error <= max(0.05 * row["guest_ms"], row["driver_error_ms"]), error, row["guest_ms"]))
    return True, said, errors, rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("pairs", nargs="+")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--period", type=float, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    pairs = [Pair(*text.split(":")) for text in options.pairs]
    for pair in pairs:
        print(f"{pair.name} of {pair.host_path}: {len(pair.guest)} I/Os, {len(pair.host)} requests of the host below")
    right, asked, refused, strangers, edges, rows = 0, 0, 0, 0, [], []
    for number in range(options.draws):
        with tempfile.TemporaryDirectory() as folder:
            result = draw(options.program, pairs, number, options.period, folder)
        if result is None:
            continue
        is_right, said, errors, own = result
        if not is_right:
            print(f"draw {number}: {said}", file=sys.stderr)
        if number % 2:
            strangers, refused = strangers + 1, refused + is_right
        else:
            asked, right = asked + 1, right + is_right
        if errors:
            edges.append(statistics.median(errors))
            if edges[-1] > 0.1:
                print(f"draw {number}: {said}, edges off by {edges[-1]:.2f} s", file=sys.stderr)
        rows += own
    print(f"its VM found and tied: {right} of {asked}; a guest of another host refused: {refused} of {strangers}")
    if edges:
        print(f"edges of rows off by (median of a draw): median {1e3 * statistics.median(edges):.0f} ms, most {1e3 * max(edges):.0f} ms")
    if rows:
        good = sum(row[0] for row in rows)
        print(f"rows whose driver part is within 5 % of D2C or its bound: {100 * good / len(rows):.1f} % of {len(rows)}; "
              f"median error {statistics.median(row[1] for row in rows):.2f} ms of {statistics.median(row[2] for row in rows):.1f} ms")


if __name__ == "__main__":
    main()
