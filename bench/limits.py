#!/usr/bin/env python3
"""Feeds hiddenq what no tracer would write, and prints what became of it.

usage: limits.py [--hiddenq PATH] [--only WORD...] [--full] [--keep DIR]

Each case is ingested, correlated, reported and checked. None may crash, hang, take more memory than its
limit, or end with anything but 0, 2 or 3 and, for 2, one sentence. --full makes the large ones as large as
docs/reliability.md says: 10 million threads, bombs of 4 GiB; without it they are a tenth of that.

Exit status: 0 all as promised; 1 some are not; 2 it could not be run.
"""
import argparse
import bz2
import gzip
import json
import lzma
import multiprocessing
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FULL = False
MOST = 9223372036854775807


def many(count):
    return count if FULL else count // 10


def three_million_requests():
    """Correlation keeps every request of a trace: some 400 bytes of each, and what it takes anyway."""
    return 60 + many(3_000_000) * 400 // 2**20


def block(sequence, at, action, rest, cpu=0, device="254,0", pid=100):
    return "%7s %2d %8d %s %5d  %s %s\n" % (device, cpu, sequence, at, pid, action, rest)


def lines(path, generator):
    with open(path, "w", buffering=1 << 20) as file:
        for line in generator:
            file.write(line)


# Each case: a function that makes files below a folder, and the MiB (or what gives them) that may be used for it. The doc
# comment is what is printed.
CASES = []


def case(mebibytes=300, seconds=300):
    def add(function):
        CASES.append((function, mebibytes, seconds))
        return function
    return add


@case()
def line_of_100_mb(folder):
    """a line of 100 MB without a newline"""
    with open(folder + "/guest/blkparse.txt", "w") as file:
        file.writelines(block(n, "%5d.%09d" % (n, 0), "Q", " W %d + 8 [fio]" % (8 * n)) for n in range(1, 99))
        file.write("  254,0    0 " + "x" * (100 << 20))


@case()
def line_of_numbers(folder):
    """a line of 100 MB of fields"""
    with open(folder + "/guest/vmstat.txt", "w") as file:
        file.write(" r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n")
        file.write("1 2 " * (25 << 20))


@case(600, 900)
def ten_million_threads(folder):
    """10 million threads, each switched in once"""
    def make():
        for n in range(1, many(10_000_000)):
            yield ("          t%-6d %5d [%03d] %6d.%06d: sched:sched_switch: prev_comm=t%d prev_pid=%d "
                   "prev_prio=120 prev_state=S ==> next_comm=t%d next_pid=%d next_prio=120\n" % (
                       n % 999999, n, n % 8, n // 1000000, n % 1000000, n, n, n + 8, n + 8))
    lines(folder + "/guest/perf-sched.txt", make())


@case(600, 900)
def ten_million_woken(folder):
    """10 million threads that are woken and never run"""
    lines(folder + "/guest/perf-sched.txt", (
        "          waker %5d [%03d] %6d.%06d: sched:sched_wakeup: comm=t%d pid=%d prio=120 target_cpu=000\n" % (
            7, n % 8, n // 1000000, n % 1000000, n, n) for n in range(1, many(10_000_000))))


@case(300, 600)
def hundred_thousand_devices(folder):
    """100,000 devices"""
    def make():
        for n in range(100_000):
            device = "%d,%d" % (1 + n // 1000, n % 1000)
            for step, (action, rest) in enumerate([("Q", " W 8 + 8 [fio]"), ("D", " W 8 + 8 [fio]"), ("C", " W 8 + 8 [0]")]):
                yield block(step + 1, "%5d.%09d" % (n // 1000, n % 1000 * 1_000_000 + step), action, rest, device=device)
    lines(folder + "/guest/blkparse.txt", make())


@case(three_million_requests, 600)
def never_completed(folder):
    """3 million requests that never complete"""
    lines(folder + "/guest/blkparse.txt", (
        block(n, "%5d.%09d" % (n // 1000, n % 1000 * 1_000_000), "Q", " W %d + 8 [fio]" % (8 * n))
        for n in range(1, many(3_000_000))))


@case(three_million_requests, 600)
def issued_only(folder):
    """3 million D lines of the same block"""
    lines(folder + "/guest/blkparse.txt", (
        block(n, "%5d.%09d" % (n // 1000, n % 1000 * 1_000_000), "D", " W 8 + 8 [fio]")
        for n in range(1, many(3_000_000))))


@case(three_million_requests, 600)
def flushes_only(folder):
    """3 million flushes that never complete"""
    lines(folder + "/guest/blkparse.txt", (
        block(n, "%5d.%09d" % (n // 1000, n % 1000 * 1_000_000), "Q", "FWS [jbd2]")
        for n in range(1, many(3_000_000))))


@case(300, 600)
def merges_only(folder):
    """3 million bios merged into one request"""
    def make():
        yield block(1, "    0.000000001", "Q", " W 0 + 1 [fio]")
        yield block(2, "    0.000000002", "G", " W 0 + 1 [fio]")
        for n in range(1, many(3_000_000)):
            yield block(n + 2, "%5d.%09d" % (n // 1000, n % 1000 * 1_000_000), "M", " W %d + 1 [fio]" % n)
    lines(folder + "/guest/blkparse.txt", make())


@case(300, 600)
def times_up_and_down(folder):
    """times that go up and down"""
    lines(folder + "/guest/blkparse.txt", (
        block(1 + n // 2, "%5d.000000000" % (n % 2 * 1000), "Q", " W 8 + 8 [fio]") for n in range(1, 500_000)))


@case(600, 600)
def every_line_a_gap(folder):
    """a loss before each of 300,000 lines"""
    lines(folder + "/guest/blkparse.txt", (
        block(3 * n, "%5d.%09d" % (n // 1000, n % 1000 * 1_000_000), "Q", " W %d + 8 [fio]" % (8 * n), cpu=n % 64)
        for n in range(1, 300_000)))


def both_sides(folder, times, sector=lambda n: 8 * n, offset=2048, count=300):
    """A guest and a host with the same requests at these times: pairs of seconds and nanoseconds."""
    def make(shift, base):
        events = []
        for n in range(count):
            for step, action in enumerate("QDC"):
                at = times(n, step * 3 + (shift if step == 1 else 0) if shift == 0 else step + 4)
                tail = "[0]" if action == "C" else "[fio]"
                events.append((at, action, " W %d + 8 %s" % (sector(n) + base, tail)))
        for number, (at, action, rest) in enumerate(sorted(events)):
            yield block(number + 1, "%5d.%09d" % at, action, rest)
    lines(folder + "/guest/blkparse.txt", make(0, 0))
    os.makedirs(folder + "/host", exist_ok=True)
    lines(folder + "/host/blkparse.txt", make(1, offset))


@case()
def latest_times(folder):
    """block traces at the latest time there is"""
    both_sides(folder, lambda n, step: (2305843008 - 300 + n, 1000 * step))


@case()
def both_ends_of_time(folder):
    """block traces from 0 to the latest time"""
    both_sides(folder, lambda n, step: (n * 7_686_143, 1000 * step))


@case()
def requests_for_ever(folder):
    """requests that take 73 years"""
    def make():
        for n in range(1500):
            yield block(n + 1, "    0.%09d" % n, "Q", " W %d + 8 [fio]" % (8 * n))
        for n in range(1500):
            yield block(n + 1501, "    1.%09d" % n, "D", " W %d + 8 [fio]" % (8 * n))
        for n in range(1500):
            yield block(n + 3001, "2305843008.%09d" % n, "C", " W %d + 8 [0]" % (8 * n))
    lines(folder + "/guest/blkparse.txt", make())
    os.makedirs(folder + "/host")
    lines(folder + "/host/blkparse.txt", make())


@case()
def times_beyond(folder):
    """times beyond Int64"""
    lines(folder + "/guest/blkparse.txt", (
        [block(n, "%d.000000000" % n, "Q", " W 8 + 8 [fio]") for n in range(1, 50)]
        + [block(99, at, "Q", " W 8 + 8 [fio]") for at in (
            "9223372036.854775807", "9223372036854775807.000000000", "99999999999999999999.000000001",
            "8999999999.999999999")]))


@case()
def last_sectors(folder):
    """sectors near 2^54, 2^63 and 2^64"""
    both_sides(folder, lambda n, step: (n, 1000 * step), sector=lambda n: (1 << 54) - 8 * n - 8, offset=0)
    with open(folder + "/guest/blkparse.txt", "a") as file:
        number = 2000
        for sector in (MOST, MOST - 8, 2 * MOST + 1, 2 * MOST - 8, MOST + 1, 0):
            for length in (8, 4294967295, 8388607):
                for action in "QGIMFDCRX":
                    tail = {"C": "+ %d [0]", "R": "+ %d [0]", "X": "/ %d [fio]"}.get(action, "+ %d [fio]") % length
                    file.write(block(number, "%5d.%09d" % (number, 0), action, " W %d %s" % (sector, tail)))
                    number += 1
        file.write(block(number, "%5d.%09d" % (number, 0), "A", " W %d + 8 <- (254,1) %d" % (2 * MOST + 1, MOST)))
        file.writelines(block(number + n, "%5d.%09d" % (number + n, 0), "Q", " W 8 + 8 [x]") for n in range(2000))


@case()
def counts_that_overflow(folder):
    """counts of lost events that overflow when added"""
    def make(loss):
        for n in range(100):
            yield loss
            yield ("          fio   100 [000] %6d.000000: sched:sched_stat_wait: comm=fio pid=100 "
                   "delay=%d [ns]\n" % (n, 999_999_999_999_999_999))
            yield ("          fio   100 [000] %6d.000001: writeback:balance_dirty_pages: bdi 8:0: pause=%d\n"
                   % (n, 4294967295))
            yield ("          fio   100 [000] %6d.000002: block:block_rq_issue: 8,0 W 4096 () 8 + 8 [fio]\n" % n)
    lines(folder + "/guest/perf-script.txt", make("Processed 12 events and lost %d chunks!\n" % MOST))
    lines(folder + "/guest/trace.txt", make("CPU:3 [LOST %d EVENTS]\n" % MOST))
    lines(folder + "/guest/header.txt", ["# reference time: x = -9223372036854775808.5 = 9.5 (monotonic)\n"]
          + list(make("# a\n")))
    lines(folder + "/guest/blkparse.txt", [
        line for n in range(1, 100)
        for line in (block(n, "%5d.%09d" % (n, 0), "Q", " W 8 + 8 [fio]"), "You have %d dropped events\n" % MOST)])
    lines(folder + "/guest/timehist.txt", [
        "           time    cpu  task name                       wait time  sch delay   run time\n"] + [
        "     %10d.000001 [0000]  fio[100]   0.000  %d.000  %d.000\n" % (n, (1 << 40) - 1, (1 << 40) - 1)
        for n in range(100)] + ["     %10d.000001 lost %d events on cpu 0\n" % (100 + n, MOST) for n in range(3)])
    lines(folder + "/guest/vmstat.txt", [
        " r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n"] + [
        " ".join([str(MOST - n)] * 17) + "\n" for n in range(20)])
    lines(folder + "/guest/netdev.txt", [
        "Inter-|   Receive                                                |  Transmit\n",
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n",
    ] + ["  eth0: " + " ".join([str(value)] * 16) + "\n" for value in (MOST, 0, MOST, 1, MOST)])
    lines(folder + "/guest/numastat.txt", [
        "                           node0           node1\n"] + [
        "%-15s %20d %20d\n" % (name, MOST, MOST) for name in (
            "numa_hit", "numa_miss", "numa_foreign", "interleave_hit", "local_node", "other_node")])


@case()
def bomb_of_zeros(folder):
    """gzip, xz, bzip2 and zstd of gigabytes of zeros"""
    size = 4 << 30 if FULL else 400 << 20
    zeros = b"\0" * (1 << 20)
    for name, opener in (("a.gz", gzip.open), ("b.xz", lzma.open), ("c.bz2", bz2.open)):
        options = dict(preset=0) if name == "b.xz" else dict(compresslevel=1)
        with opener(folder + "/guest/" + name, "wb", **options) as file:
            for _ in range((size if name == "a.gz" else size // 4) >> 20):
                file.write(zeros)
    if shutil.which("zstd"):
        process = subprocess.Popen(["zstd", "-q", "-1", "-o", folder + "/guest/d.zst"], stdin=subprocess.PIPE)
        for _ in range(size >> 20):
            process.stdin.write(zeros)
        process.stdin.close()
        process.wait()


@case(300, 900)
def bomb_of_lines(folder):
    """gzip of gigabytes of one line"""
    text = "".join(block(n, "    0.%09d" % n, "P", "  N [fio]") for n in range(1, 10_000)).encode()
    size = 2 << 30 if FULL else 100 << 20
    with gzip.open(folder + "/guest/blkparse.txt.gz", "wb", compresslevel=1) as file:
        for _ in range(size // len(text)):
            file.write(text)


@case()
def nested_archives(folder):
    """gzip in gzip in gzip, a tar, a zip"""
    data = block(1, "    0.000000001", "Q", " W 8 + 8 [fio]").encode() * 100
    for _ in range(3):
        data = gzip.compress(data)
    with open(folder + "/guest/blkparse.txt.gz", "wb") as file:
        file.write(data)
    subprocess.run(["tar", "-cf", folder + "/guest/all.tar", "-C", folder, "guest/blkparse.txt.gz"], check=True)
    shutil.make_archive(folder + "/guest/all", "zip", folder, "guest/blkparse.txt.gz")
    lines(folder + "/guest/good.txt", [block(n, "    0.%09d" % n, "Q", " W 8 + 8 [fio]") for n in range(1, 9)])


@case()
def cut_packed_files(folder):
    """gzip, xz, bzip2 and zstd cut at each tenth, and with a bit flipped"""
    text = "".join(block(n, "%5d.%09d" % (n, 0), "Q", " W %d + 8 [fio]" % (8 * n)) for n in range(1, 3000)).encode()
    packed = {"gz": gzip.compress(text), "xz": lzma.compress(text), "bz2": bz2.compress(text)}
    if shutil.which("zstd"):
        packed["zst"] = subprocess.run(["zstd", "-q", "-c"], input=text, capture_output=True).stdout
    for kind, data in packed.items():
        for part in range(1, 10):
            with open("%s/guest/%d.%s" % (folder, part, kind), "wb") as file:
                file.write(data[:len(data) * part // 10])
            flipped = bytearray(data)
            flipped[len(data) * part // 10] ^= 0x10
            with open("%s/guest/flipped%d.%s" % (folder, part, kind), "wb") as file:
                file.write(flipped)


@case()
def strange_places(folder):
    """names with newlines and control characters, loops of links, pipes, sockets, devices"""
    text = [block(n, "    0.%09d" % n, "Q", " W 8 + 8 [fio]") for n in range(1, 9)]
    for name in ("a\nb", "c\td\x1b[31m", "-o", "--help", "'; DROP TABLE source;--", "é\udcff"):
        try:
            lines(folder + "/guest/" + name, text)
        except (OSError, UnicodeEncodeError):
            pass
    os.makedirs(folder + "/guest/loop")
    os.symlink("..", folder + "/guest/loop/up")
    os.symlink("self", folder + "/guest/self")
    os.symlink("/nowhere/at/all", folder + "/guest/dangling")
    os.mkfifo(folder + "/guest/fifo")
    server = socket.socket(socket.AF_UNIX)
    server.bind(folder + "/guest/socket")
    server.close()
    os.symlink("/dev/zero", folder + "/guest/zero")
    os.symlink("/dev/tty", folder + "/guest/tty")
    deep = folder + "/guest"
    for _ in range(60):
        deep += "/deep"
        os.mkdir(deep)


@case()
def nothing_much(folder):
    """empty files, newlines only, NUL bytes, CRLF, UTF-16, a byte order mark, binary junk"""
    good = "".join(block(n, "    0.%09d" % n, "Q", " W 8 + 8 [fio]") for n in range(1, 40))
    import random
    source = random.Random(7)
    for name, data in {
        "empty": b"", "newlines": b"\n" * 100_000, "nul": b"\0" * 1_000_000, "crlf": good.replace("\n", "\r\n").encode(),
        "utf16le": good.encode("utf-16"), "utf16be": b"\xfe\xff" + good.encode("utf-16-be"),
        "bom": b"\xef\xbb\xbf" + good.encode(), "junk": bytes(source.randrange(256) for _ in range(200_000)),
        "nulls-between": good.replace("Q", "Q\0").encode(), "no-newline": good.rstrip("\n").encode(),
        "one-byte": b"8", "magic": struct.pack("<I", 0x65617407) * 5000, "gzip-magic": b"\x1f\x8b\x08",
        "xz-magic": b"\xfd7zXZ\0", "zstd-magic": b"\x28\xb5\x2f\xfd", "bzip2-magic": b"BZh91AY&SY",
    }.items():
        with open(folder + "/guest/" + name, "wb") as file:
            file.write(data)


@case(700)
def deep_json(folder):
    """JSON a million levels deep, and of millions of values"""
    os.makedirs(folder + "/host")
    for name, data in {
        "qmp-deep.json": '{"return": ' + "[" * 1_000_000, "lsblk-deep.json": '{"blockdevices": ' + '[{"name":"a","children":' * 100_000,
        "map-deep.json": '[{"start": 0, "depth": ' * 100_000,
        "lsblk-wide.json": '{"blockdevices": [' + ",".join(["1"] * 20_000_000) + "]}",
        "map-large.json": "[" + ",".join('{"start": %d, "length": %d, "depth": 0, "offset": %d}' % (v, v, v)
                                          for v in (MOST, -MOST, 0, MOST - 512) for _ in range(50)) + "]",
    }.items():
        with open(folder + "/host/" + name, "w") as file:
            file.write(data)
    lines(folder + "/host/filefrag.txt", [
        "File size of a is 4096 (1 block of 4096 bytes)\n",
        " ext:     logical_offset:        physical_offset: length:   expected: flags:\n"] + [
        "   %d:        %d..      %d:     %d..    %d:     %d:             last\n" % (n, v, v, v, v, v)
        for n, v in enumerate((0, 1, 0, 2251799813685247, 0, MOST // 4096 - 1, 5, 5))])
    lines(folder + "/guest/blkparse.txt", [block(n, "    0.%09d" % n, "Q", " W 8 + 8 [fio]") for n in range(1, 9)])


@case()
def yaml_bomb(folder):
    """an incident.yaml whose aliases unfold to billions of entries"""
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for n in range(1, 10):
        text += "a%d: &a%d [%s]\n" % (n, n, ", ".join(["*a%d" % (n - 1)] * 9))
    with open(folder + "/incident.yaml", "w") as file:
        file.write(text + "machines: *a9\n")
    lines(folder + "/guest/blkparse.txt", [block(n, "    0.%09d" % n, "Q", " W 8 + 8 [fio]") for n in range(1, 9)])


@case()
def deep_yaml(folder):
    """an incident.yaml a hundred thousand levels deep"""
    with open(folder + "/incident.yaml", "w") as file:
        file.write("machines: " + "[" * 100_000)
    lines(folder + "/guest/blkparse.txt", [block(n, "    0.%09d" % n, "Q", " W 8 + 8 [fio]") for n in range(1, 9)])


@case()
def heads_without_bodies(folder):
    """the head of each sample, cut after its first, second and third line"""
    number = 0
    for base, _, names in os.walk(os.path.join(ROOT, "..", "shared", "samples")):
        for name in sorted(names):
            try:
                with open(os.path.join(base, name), "rb") as file:
                    head = file.read(4096).splitlines(True)
            except OSError:
                continue
            for count in (1, 2, 3):
                with open("%s/guest/%d-%d" % (folder, number, count), "wb") as file:
                    file.write(b"".join(head[:count]))
            number += 1
    lines(folder + "/guest/good.txt", [block(n, "    0.%09d" % n, "Q", " W 8 + 8 [fio]") for n in range(1, 9)])


@case()
def names_without_end(folder):
    """names of a megabyte in each counter table"""
    name = "n" * (1 << 20)
    lines(folder + "/guest/netdev.txt", [
        "Inter-|   Receive                                                |  Transmit\n",
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n",
    ] + ["  %s%d: %s\n" % (name if n % 5 == 0 else "eth", n, " ".join(["1"] * 16)) for n in range(200)])
    lines(folder + "/guest/latency.txt", [
        "  Task                  |   Runtime ms  | Switches | Avg delay ms    | Max delay ms    | Max delay start           | Max delay end          |\n"]
        + ["  %s:(%d) |      0.346 ms |        1 | avg:   0.708 ms | max:   0.708 ms |\n" % (name, n) for n in range(50)])


@case(400, 600)
def a_million_counters(folder):
    """two million counters of different names"""
    lines(folder + "/guest/ethtool.txt", ["NIC statistics:\n"] + [
        "     rx_%d: %d\n" % (n, n) for n in range(many(2_000_000))])


def run(program, arguments, seconds):
    """Status, peak memory in MiB, time, and the two outputs."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        begin = time.time()
        process = subprocess.Popen([program] + arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                                   env=dict(os.environ, SWIFT_BACKTRACE="enable=no"))
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.time() - begin > seconds:
                process.kill()
                os.wait4(process.pid, 0)
                return "hung", 0, seconds, "", ""
            time.sleep(0.02)
        output.seek(0)
        errors.seek(0)
        return (os.waitstatus_to_exitcode(status), usage.ru_maxrss >> 10, time.time() - begin,
                output.read().decode(errors="replace"), errors.read().decode(errors="replace"))


def main():
    global FULL
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build", "release", "hiddenq"))
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--keep")
    options = parser.parse_args()
    if options.help:
        print(__doc__.strip())
        return 0
    if not os.access(options.hiddenq, os.X_OK):
        print("limits: there is no %s; build it first" % options.hiddenq)
        return 2
    FULL = options.full
    failed = 0
    print("%-62s %6s %8s %8s  %s" % ("what", "status", "seconds", "peak MiB", "outcome"))
    for function, mebibytes, seconds in CASES:
        if options.only and not any(word in function.__name__ for word in options.only):
            continue
        folder = tempfile.mkdtemp(prefix="hiddenq-limits-")
        os.makedirs(folder + "/in/guest")
        # In a process of its own: what a child is said to have used begins with what its parent had.
        maker = multiprocessing.Process(target=function, args=(folder + "/in",))
        maker.start()
        maker.join()
        incident = folder + "/incident.db"
        faults, peak, total, first = [], 0, 0.0, None
        said = ""
        for arguments in (["ingest", incident, folder + "/in"], ["correlate", incident], ["report", incident],
                          ["check", incident]):
            if arguments[0] != "ingest" and not os.path.exists(incident):
                break
            status, memory, took, output, errors = run(options.hiddenq, arguments, seconds)
            peak, total = max(peak, memory), total + took
            if first is None:
                first = status
                said = (errors.strip().splitlines() or [""])[-1]
            if status not in (0, 2, 3):
                faults.append("%s: %s %s" % (arguments[0], status, errors.strip()[-300:]))
            if status == 2 and len(errors.strip().splitlines()) != 1:
                faults.append("%s: not one sentence: %s" % (arguments[0], errors.strip()[:300]))
            if "\x1b" in output or "\x1b" in errors:
                faults.append("%s: passes control characters on" % arguments[0])
        most = mebibytes() if callable(mebibytes) else mebibytes
        if peak > most:
            faults.append("more than %d MiB" % most)
        failed += bool(faults)
        outcome = "; ".join(faults) or (said[:100] if first != 0 else "used")
        print("%-62s %6s %8.1f %8d  %s" % (function.__doc__[:62], first, total, peak, outcome.replace("\n", " ")), flush=True)
        if options.keep and faults:
            shutil.move(folder, os.path.join(options.keep, function.__name__))
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print("%d of %d as promised" % (len(CASES) - failed, len(CASES)) if not options.only else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
