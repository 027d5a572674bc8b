#!/usr/bin/env python3
"""Sums a guest's block trace into rows as esxtop would print them, and checks what hiddenq makes of the two together.

    python3 bench/esxjoin.py PROGRAM BLKPARSE... [--draws N] [--period S] [--seed N]

Each BLKPARSE is a text of a guest. Its requests become rows of a host whose clock is off, whose period is a little longer than
asked for and not quite even, and whose stamps are cut to seconds; 2 % of the commands are no I/Os of the guest. The virtual disk
is 0.20 ms faster than the guest saw, and the device 0.30 ms faster than the virtual disk. The other texts are VMs of the same host, so that
the right one must be found. In every second draw the guest's VM is left out: then the guest runs on another host, and the program
must refuse. Printed are the share of draws judged right, how far the edges of rows were from the truth, and how far the residual."""
import argparse
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

LINE = re.compile(r"\s*(\d+,\d+)\s+\d+\s+\d+\s+([\d.]+)\s+\d+\s+([DC])\s+(\S+)\s+(\d+)(?: \+ (\d+))?")
RESIDUAL, BELOW = 0.20, 0.30


def requests(path):
    """Completions of reads and writes of the busiest disk: (completed s, ms, is read)."""
    opened, found = {}, {}
    with open(path, errors="replace") as text:
        for line in text:
            match = LINE.match(line)
            if not match:
                continue
            device, at, action, flags, sector, sectors = match.groups()
            if not sectors or "F" in flags[:1] or "D" in flags or not ("R" in flags or "W" in flags):
                continue
            key = (device, int(sector))
            if action == "D":
                opened[key] = float(at)
            elif key in opened:
                start = opened.pop(key)
                found.setdefault(device, []).append((float(at), 1e3 * (float(at) - start), "R" in flags))
    return sorted(max(found.values(), key=len))


def rows(ios, edges, foreign):
    """What a virtual disk's row says of the I/Os completed in it."""
    table = []
    for start, end in zip(edges, edges[1:]):
        own = [io for io in ios if start < io[0] <= end]
        length = end - start
        values = {}
        for name, is_read in (("Read", True), ("Write", False)):
            times = [max(0.01, io[1] - RESIDUAL) for io in own if io[2] == is_read]
            values[f"{name}s/sec"] = len(times) * (1 + foreign) / length
            values[f"Average MilliSec/{name}"] = statistics.mean(times) if times else 0
        values["Commands/sec"] = values["Reads/sec"] + values["Writes/sec"]
        gavg = statistics.mean([max(0.0, io[1] - RESIDUAL - BELOW) for io in own]) if own else 0
        table.append((values, gavg))
    return table


def write(path, vms, edges, stamps):
    tables = [[(values, (gavg, 0.9 * gavg)) for values, gavg in rows(ios, edges, 0.02)] for _, ios in vms]
    write_tables(path, [name for name, _ in vms], tables, stamps)


def write_tables(path, vms, tables, stamps):
    """A file of VMs, each with a virtual disk: its values by counter, GAVG and DAVG, row by row; QAVG is half of the rest."""
    names = ["Commands/sec", "Reads/sec", "Writes/sec", "Average MilliSec/Read", "Average MilliSec/Write"]
    disk = ["Commands/sec", "Average Driver MilliSec/Command", "Average Kernel MilliSec/Command",
            "Average Queue MilliSec/Command", "Average Guest MilliSec/Command"]
    head = ["(PDH-CSV 4.0) (UTC)(0)"]
    for number, name in enumerate(vms):
        gid, leader = 1000 + number, 5000 + 10 * number
        head.append(f"\\\\esx1\\Group Cpu({gid}:{name})\\% VmWait")
        head.append(f"\\\\esx1\\Vcpu({gid}:{name}:{leader + 3}:PVSCSI-{leader}:0)\\% Used")
        head += [f"\\\\esx1\\Virtual Disk({name}:scsi0:0)\\{c}" for c in names]
        head += [f"\\\\esx1\\Physical Disk Per-Device-Per-World(naa.6-{leader})\\{c}" for c in disk]
    with open(path, "w") as out:
        out.write(",".join(f'"{c}"' for c in head) + "\n")
        for row, stamp in enumerate(stamps[1:]):
            cells = [stamp]
            for table in tables:
                values, (gavg, davg) = table[row]
                kernel = gavg - davg
                cells += ["0.00", "0.00"] + [f"{values[c]:.2f}" for c in names]
                cells += [f"{v:.2f}" for v in (values["Commands/sec"], davg, kernel, kernel / 2, gavg)]
            out.write(",".join(f'"{c}"' for c in cells) + "\n")


def query(program, path, sql):
    text = subprocess.run([program, "query", path, sql, "--format", "json"], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in text.splitlines()] if not text.lstrip().startswith("[") else json.loads(text)


def draw(program, paths, number, period, folder):
    """One simulation: whether it was judged right, errors of edges (s), of rows' residuals and of the whole one (ms)."""
    all_ios = {path: requests(path) for path in paths}
    own = paths[number % len(paths)]
    is_there = number % 2 == 0
    ios = all_ios[own]
    real = period * (1 + random.uniform(0, 0.015))
    edges = [ios[0][0] - 2 * real + random.uniform(0, real)]
    while edges[-1] < ios[-1][0] + real:
        edges.append(edges[-1] + real + random.gauss(0, 0.02))
    base = 1_796_000_000 + random.random()
    stamps = [time.strftime("%m/%d/%Y %H:%M:%S", time.gmtime(math.floor(base + edge))) for edge in edges]
    vms = [(f"vm{n}", all_ios[path]) for n, path in enumerate(paths) if is_there or path != own]
    os.makedirs(f"{folder}/c/guest-db1")
    os.makedirs(f"{folder}/c/host-esx1")
    os.symlink(os.path.abspath(own), f"{folder}/c/guest-db1/blkparse.txt")
    write(f"{folder}/c/host-esx1/esxtop.csv", vms, edges, stamps)
    subprocess.run([program, "analyze", f"{folder}/c", "-o", f"{folder}/o"], check=True, stdout=subprocess.DEVNULL)
    path = f"{folder}/o/incident.db"
    match = query(program, path, "SELECT * FROM esx_match ORDER BY samples DESC LIMIT 1")
    verdict = match[0]["verdict"] if match else "none"
    wanted = f"vm{paths.index(own)}"
    if not is_there:
        return verdict in ("refused", "ambiguous", "none"), verdict, [], [], None
    isright = verdict == "tied" and match[0]["vm"] == wanted
    if not isright:
        return False, f"{verdict} {match[0]['vm'] if match else ''} mismatch {match[0]['mismatch_pct'] if match else ''}", [], [], None
    layers = query(program, path, "SELECT * FROM esx_layer")
    first = ios[0][0]
    # The trace's own zero may be another than the text's.
    errors, residuals, good, whole = [], [], 0, [0.0, 0.0]
    for row in layers:
        edge = edges[row["line"] - 1]
        errors.append(abs(row["to_ns"] / 1e9 - edge))
        if row["is_comparable"] != 1 or row["driver_ms"] is None:
            continue
        error = abs(row["driver_ms"] - RESIDUAL)
        residuals.append(error)
        good += error <= max(0.05 * row["guest_ms"], row["driver_error_ms"])
        whole[0] += row["ios"] * row["driver_ms"]
        whole[1] += row["ios"]
    total = abs(whole[0] / whole[1] - RESIDUAL) if whole[1] else None
    return True, "tied", errors, [(good, len(residuals), residuals)], total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--period", type=float, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    right, edges, good, count, rows_off, wholes = 0, [], 0, 0, [], []
    refused, strangers = 0, 0
    for number in range(options.draws):
        with tempfile.TemporaryDirectory() as folder:
            isright, verdict, errors, residuals, total = draw(
                options.program, options.texts, number, options.period, folder)
        if number % 2:
            strangers += 1
            refused += isright
        else:
            right += isright
        if not isright:
            print(f"draw {number}: {verdict}", file=sys.stderr)
        if errors:
            edges.append(statistics.median(errors))
        for a, b, own in residuals:
            good, count = good + a, count + b
            rows_off += own
        if total is not None:
            wholes.append(total)
    asked = options.draws - strangers
    print(f"its VM found and tied: {right} of {asked}; a guest of another host refused: {refused} of {strangers}")
    if edges:
        print(f"edges of rows off by (median of a draw): median {1e3 * statistics.median(edges):.0f} ms, "
              f"most {1e3 * max(edges):.0f} ms")
    if count:
        print(f"rows whose residual is within 5 % of D2C or its bound: {100 * good / count:.1f} % of {count}; "
              f"median error {statistics.median(rows_off):.2f} ms")
    if wholes:
        print(f"residual of a whole capture off by: median {statistics.median(wholes):.3f} ms, most {max(wholes):.3f} ms")


if __name__ == "__main__":
    main()
