#!/usr/bin/env python3
"""Fuzzes the parsers, one family of formats after the other, and prints what that came to.

usage: fuzz.py [--seconds N] [--only FAMILY...] [--jobs N] [--no-build] [--keep]

N seconds for each family (default 60). Inputs begin as the fixtures, files of ../shared where that is, and
Fuzz/corpus; with --keep what reached new code is added to the corpus, as few and short as possible. An input
that crashes the parser, hangs it, or takes more than 1 GiB is left in Fuzz/crashes.

Exit status: 0 nothing found; 1 an input was found; 2 it could not be run.
"""
import argparse
import concurrent.futures
import glob
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile

import recordings

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
FAMILIES = ["block", "tracepoints", "perf-data", "trace-dat", "qemu-log", "perf-reports", "topology", "counters", "esxtop"]
PROGRAM = os.path.join(HERE, ".build", "release", "fuzz")
CRASHES = os.path.join(HERE, "crashes")
LONGEST = 4096

# Fixtures by the beginning of their path, and the family that reads them. `shared` is beside the checkout.
SEEDS = {
    "block": ["Fixtures/blkparse/*/input*", "Fixtures/kvm-noisy-cpu/*/blkparse.txt",
              "../shared/samples/blkparse/*", "../shared/samples/blktrace-bin/*"],
    "tracepoints": ["Fixtures/perf-sched/*/input*", "Fixtures/perf-script/*/input*",
                    "Fixtures/ftrace/*/input*", "Fixtures/trace-cmd/*/input*",
                    "../shared/samples/perf-script*/*", "../shared/samples/perf-sched/*",
                    "../shared/samples/ftrace*/*", "../shared/traces/*/*/perf-*-script*",
                    "../shared/traces/*/*/ftrace-blk*"],
    # Real recordings are longer than an input: recordings.py makes short ones.
    "perf-data": [],
    "trace-dat": [],
    "qemu-log": ["Fixtures/qemu-log/*/input*", "../shared/samples/qemu-log/*", "../shared/traces/*/*/qemu*trace*"],
    "perf-reports": ["Fixtures/perf-sched-latency/*/input*", "Fixtures/perf-sched-timehist/*/input*",
                     "../shared/traces/*/*/perf-sched-latency*", "../shared/traces/*/*/perf-sched-timehist*"],
    "topology": ["../shared/samples/%s/*" % name for name in (
        "lscpu", "numactl", "qmp", "qemu-log", "lsblk", "dmsetup", "qemu-img-map", "filefrag")]
    + ["../shared/traces/*/*/%s*" % name for name in (
        "lscpu", "numactl", "queue", "clocks-guest", "qmp", "ps-", "qemu-cmdline", "qemu-img-map", "filefrag")],
    "counters": ["../shared/samples/%s/*" % name for name in (
        "vmstat", "numastat", "ethtool", "ip-s-link", "proc-net-dev", "softnet_stat", "tc-qdisc")]
    + ["../shared/traces/*/*/%s*" % name for name in ("diskstats", "proc-", "vmstat", "tc-")],
    # Real files have rows longer than an input: Fuzz/corpus has short ones.
    "esxtop": ["../shared/samples/esxtop/0[679]*", "../shared/samples/esxtop/1[01]*", "../shared/samples/vscsistats/*"],
}


def build():
    # gold, the default linker, fails on libFuzzer's debug information.
    command = ["swift", "build", "-c", "release", "--package-path", HERE, "--product", "fuzz",
               "-Xswiftc", "-sanitize=fuzzer",
               "-Xswiftc", "-Xclang-linker", "-Xswiftc", "-fuse-ld=lld"]
    if subprocess.run(command).returncode != 0:
        sys.exit("fuzz: the fuzzer could not be built")


def content(path):
    with open(path, "rb") as file:
        data = file.read(1 << 20)
    if data[:2] == b"\x1f\x8b":
        with gzip.open(path) as file:
            data = file.read(1 << 20)
    return data


def shapes(data):
    """The first lines that differ in more than numbers: a long trace has few kinds, and the rare ones come late."""
    known, kept, length = set(), [], 0
    for line in data.splitlines(keepends=True):
        shape = re.sub(rb"[0-9a-f]*\d[0-9a-f]*", b"0", line)
        if shape not in known and length + len(line) < LONGEST:
            known.add(shape)
            kept.append(line)
            length += len(line)
    return b"".join(kept)


def seed(family, folder):
    """Puts the seeds of a family into a folder: whole where they are short, else heads and a line of each kind."""
    number = 0
    for data in recordings.seeds(family):
        with open(os.path.join(folder, "seed-%05d" % number), "wb") as file:
            file.write(b"\0" + data)
        number += 1
    for pattern in SEEDS[family]:
        for path in sorted(glob.glob(os.path.join(ROOT, pattern))):
            if not os.path.isfile(path) or path.endswith((".md", ".tsv")):
                continue
            try:
                data = content(path)
            except OSError:
                continue
            for piece in {data[:LONGEST - 1], data[:1000], shapes(data)}:
                with open(os.path.join(folder, "seed-%05d" % number), "wb") as file:
                    file.write(b"\0" + piece)
                number += 1
    return number


def environment(family):
    # A crash must end the process, not start a debugger in it.
    return dict(os.environ, HIDDENQ_FUZZ=family, SWIFT_BACKTRACE="enable=no")


def run(family, seconds, keep):
    work = tempfile.mkdtemp(prefix="hiddenq-fuzz-")
    kept = os.path.join(HERE, "corpus", family)
    os.makedirs(kept, exist_ok=True)
    os.makedirs(CRASHES, exist_ok=True)
    seeds = os.path.join(work, "seeds")
    grown = os.path.join(work, "grown")
    os.makedirs(seeds)
    os.makedirs(grown)
    seed(family, seeds)
    prefix = os.path.join(CRASHES, family + "-")
    before = set(glob.glob(prefix + "*"))
    log = os.path.join(work, "log")
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [PROGRAM, "-max_total_time=%d" % seconds, "-max_len=%d" % LONGEST, "-timeout=10",
             "-rss_limit_mb=1024", "-malloc_limit_mb=1024", "-artifact_prefix=" + prefix,
             "-print_final_stats=1", grown, kept, seeds],
            env=environment(family), stdout=output, stderr=subprocess.STDOUT)
        # On a busy machine the clock runs on while the fuzzer does not.
        _, _, usage = os.wait4(process.pid, 0)
    with open(log, errors="replace") as file:
        text = file.read()
    found = sorted(set(glob.glob(prefix + "*")) - before)
    stat = lambda name: int((re.findall(r"stat::%s:\s*(\d+)" % name, text) or ["0"])[-1])
    edges = int((re.findall(r"cov: (\d+)", text) or ["0"])[-1])
    if keep and not found:
        merged = os.path.join(work, "merged")
        os.makedirs(merged)
        subprocess.run([PROGRAM, "-merge=1", "-max_len=2048", merged, kept, grown, seeds],
                       env=environment(family), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        smallest = sorted(glob.glob(merged + "/*"), key=os.path.getsize)
        # What libFuzzer named; what has a name of its own is there for a reason.
        for path in glob.glob(kept + "/*"):
            if re.fullmatch(r"[0-9a-f]{40}", os.path.basename(path)):
                os.remove(path)
        total = 0
        for path in smallest:
            total += os.path.getsize(path)
            # The repository keeps a small one.
            if total > 64 << 10 or len(os.listdir(kept)) >= 200:
                break
            shutil.copy(path, kept)
    result = dict(family=family, seconds=seconds, runs=stat("number_of_executed_units"), edges=edges,
                  cpu=usage.ru_utime + usage.ru_stime, peak=stat("peak_rss_mb"), found=found)
    tail = "" if result["runs"] or found else text[-2000:]
    shutil.rmtree(work, ignore_errors=True)
    return result, tail


def main():
    arguments = argparse.ArgumentParser(add_help=False)
    arguments.add_argument("-h", "--help", action="store_true")
    arguments.add_argument("--seconds", type=int, default=60)
    arguments.add_argument("--only", nargs="*", default=FAMILIES, choices=FAMILIES)
    arguments.add_argument("--jobs", type=int, default=1)
    arguments.add_argument("--no-build", action="store_true")
    arguments.add_argument("--keep", action="store_true")
    options = arguments.parse_args()
    if options.help:
        print(__doc__.strip())
        return 0
    if not options.no_build:
        build()
    print("%-14s %8s %8s %12s %8s %9s  %s" % ("family", "seconds", "on a CPU", "executions", "edges", "peak MiB", "found"))
    status = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        jobs = [pool.submit(run, family, options.seconds, options.keep) for family in options.only]
        for job in jobs:
            result, tail = job.result()
            names = ", ".join(os.path.basename(path) for path in result["found"]) or "nothing"
            print("%-14s %8d %8d %12d %8d %9d  %s" % (
                result["family"], result["seconds"], result["cpu"], result["runs"], result["edges"], result["peak"],
                names), flush=True)
            if tail:
                print(tail)
                status = 2
            elif result["found"]:
                status = max(status, 1)
    return status


if __name__ == "__main__":
    sys.exit(main())
