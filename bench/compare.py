#!/usr/bin/env python3
"""What `hiddenq compare` takes, and that its memory does not grow with the number of I/Os.

usage: compare.py [--ios N] [--hiddenq PATH] [--folder DIR]

Made here: a guest's and a host's block trace in blkparse's text, I/O by I/O with slow moments of some tens of
milliseconds; the device of the second pair is a fifth faster. Printed are CPU and wall time and the largest resident
set of `compare` alone (the files are ingested and correlated before), for an eighth of the I/Os and for all of them.
Exit status: 0; 1 eight times the I/Os take more than a quarter more memory, or the faster device was not found; 2
something could not be run.
"""
import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time

MOST_GROWTH = 1.25
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def write_pair(folder, ios, seed, device_us):
    """Q, D and C of each I/O on both machines, 10,000 a second; the host's disk begins 2048 sectors later."""
    chance = random.Random(seed)
    guest, host = [], []
    slow, until = 1.0, 0.0
    names = [os.path.join(folder, name) for name in ("guest.txt", "host.txt")]
    with open(names[0], "w") as guest_file, open(names[1], "w") as host_file:
        numbers = [0, 0]

        def flush(lines, file, which, before):
            lines.sort()
            ready = 0
            while ready < len(lines) and lines[ready][0] < before:
                numbers[which] += 1
                at, text = lines[ready]
                file.write("%s %d %d.%09d %s\n" % (
                    ("253,0 1", "259,0 1")[which], numbers[which], at // 10**9, at % 10**9, text))
                ready += 1
            del lines[:ready]

        now = 0
        for number in range(ios):
            now += 100_000
            if now > until:
                slow = 1.0 if chance.random() < 0.9 else 1 + chance.random() * 3
                until = now + chance.expovariate(1 / 30e6)
            sector = 1000 + 8 * chance.randrange(1 << 27)
            what = "%s %d + 8" % ("R" if chance.random() < 0.5 else "W", sector)
            below = "%s %d + 8" % (what[0], sector + 2048)
            issued = now + 3_000 + int(chance.expovariate(1 / 2_000))
            queued = issued + 12_000 + int(chance.expovariate(1 / 6_000))
            started = queued + 1_500 + int(chance.expovariate(1 / 1_000))
            ended = started + int(1000 * device_us * slow * math.exp(chance.gauss(0, 0.3)))
            done = ended + 14_000 + int(chance.expovariate(1 / 8_000))
            guest.append((now, "700 Q %s [fio]" % what))
            guest.append((issued, "700 D %s [fio]" % what))
            guest.append((done, "0 C %s [0]" % what))
            host.append((queued, "4001 Q %s [IO iothread0]" % below))
            host.append((started, "4001 D %s [IO iothread0]" % below))
            host.append((ended, "0 C %s [0]" % below))
            if number % 4096 == 0:
                flush(guest, guest_file, 0, now)
                flush(host, host_file, 1, now)
        flush(guest, guest_file, 0, 1 << 62)
        flush(host, host_file, 1, 1 << 62)
    return names


def incident(options, folder, name, ios, seed, device_us):
    """An ingested and correlated pair; its text is deleted."""
    path = os.path.join(folder, name)
    texts = write_pair(folder, ios, seed, device_us)
    for text, machine in zip(texts, ("--guest", "--host")):
        subprocess.run([options.hiddenq, "ingest", "blktrace", path, text, machine, machine[2:]],
                       check=True, stdout=subprocess.DEVNULL)
        os.remove(text)
    subprocess.run([options.hiddenq, "correlate", path], check=True, stdout=subprocess.DEVNULL)
    return path


def measure(options, files):
    start = time.monotonic()
    process = subprocess.Popen([options.hiddenq, "compare", *files, "--format", "json"], stdout=subprocess.PIPE)
    found = json.load(process.stdout)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise RuntimeError("compare ended with %d" % process.returncode)
    named = any(line["subject"] == "hardware_queue" and line["op"] == "all" and line["verdict"] == "better"
                for line in found["lines"])
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss / 1024, named


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build/release/hiddenq"))
    parser.add_argument("--ios", type=int, default=2_000_000)
    parser.add_argument("--folder", help="where the data go (default: a temporary folder)")
    options = parser.parse_args()
    options.hiddenq = os.path.abspath(options.hiddenq)
    print("%12s %10s %10s %14s" % ("I/Os a side", "CPU, s", "wall, s", "resident, MB"))
    resident, good = [], True
    try:
        for ios in (options.ios // 8, options.ios):
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                files = [incident(options, folder, "before.db", ios, 1, 80),
                         incident(options, folder, "after.db", ios, 2, 64)]
                seconds, wall, megabytes, named = measure(options, files)
                print("%12d %10.2f %10.2f %14.0f%s" % (
                    ios, seconds, wall, megabytes, "" if named else "  the faster device was not found"), flush=True)
                resident.append(megabytes)
                good &= named
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print("compare: %s" % error, file=sys.stderr)
        return 2
    growth = resident[1] / resident[0]
    within = growth <= MOST_GROWTH
    print("eight times the I/Os: %.2f times the memory (at most %.2f)%s" % (
        growth, MOST_GROWTH, "" if within else ": NOT WITHIN THE LIMIT"))
    return 0 if good and within else 1


if __name__ == "__main__":
    sys.exit(main())
