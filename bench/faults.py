#!/usr/bin/env python3
"""Breaks what hiddenq stands on, and prints what became of it.

usage: faults.py [--hiddenq PATH] [--only WORD...] [--tries N] [--seed N] [--keep DIR]

A table: the fault, how often it was tried, how the runs ended, and whether each was as promised: a file goes in
whole or not at all, what was there before is there after, and what cannot be done is one sentence and status 2.
--tries is that of runs that kill -9 ended, and of flipped pages (default 210); the others follow from it.

Exit status: 0 all as promised; 1 some are not; 2 it could not be run.
"""
import argparse
import collections
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CAPTURE = os.path.join(ROOT, "Fixtures", "kvm-noisy-cpu")
GUEST = os.path.join(CAPTURE, "guest-L2", "blkparse.txt")
HOST = os.path.join(CAPTURE, "host-L1", "blkparse.txt")
PROGRAM = ""
READERS = (["report"], ["findings"], ["check"], ["show", "slowest"],
           ["query", "SELECT * FROM io"], ["query", "SELECT * FROM request"], ["query", "SELECT * FROM hop_summary"])

# Makes calls of the C library fail as a bad disk makes them fail: the n-th read of a file, write, or fsync.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

static int left = -1;

static int is_due(const char *call, int fd) {
  const char *wanted = getenv("FAULT_CALL"), *name = getenv("FAULT_FILE");
  if (!wanted || strcmp(wanted, call) != 0) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (!strstr(path, name ? name : "")) return 0;
  if (left < 0) left = atoi(getenv("FAULT_AFTER"));
  return left-- <= 0;
}

#define FAIL(call, fd) \
  if (is_due(call, fd)) { \
    left = 0; \
    errno = atoi(getenv("FAULT_ERRNO")); \
    return -1; \
  }

ssize_t read(int fd, void *data, size_t count) {
  static ssize_t (*real)(int, void *, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "read");
  FAIL("read", fd)
  return real(fd, data, count);
}
ssize_t pread64(int fd, void *data, size_t count, off_t at) {
  static ssize_t (*real)(int, void *, size_t, off_t);
  if (!real) real = dlsym(RTLD_NEXT, "pread64");
  FAIL("pread", fd)
  return real(fd, data, count, at);
}
ssize_t pread(int fd, void *data, size_t count, off_t at) { return pread64(fd, data, count, at); }
ssize_t write(int fd, const void *data, size_t count) {
  static ssize_t (*real)(int, const void *, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "write");
  FAIL("write", fd)
  return real(fd, data, count);
}
ssize_t pwrite64(int fd, const void *data, size_t count, off_t at) {
  static ssize_t (*real)(int, const void *, size_t, off_t);
  if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
  FAIL("write", fd)
  return real(fd, data, count, at);
}
ssize_t pwrite(int fd, const void *data, size_t count, off_t at) { return pwrite64(fd, data, count, at); }
int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fsync");
  FAIL("fsync", fd)
  return real(fd);
}
int fdatasync(int fd) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
  FAIL("fsync", fd)
  return real(fd);
}
"""


def run(arguments, seconds=120, **environment):
    """Status (negative: the signal that ended it; None: hung) and what it said."""
    process = subprocess.Popen(
        [PROGRAM] + arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=dict(os.environ, SWIFT_BACKTRACE="enable=no", **environment))
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None, "", ""
    return process.returncode, output.decode(errors="replace"), errors.decode(errors="replace")


def content(incident):
    """All that counts in an incident file; None where there is nothing."""
    if not os.path.exists(incident) or os.path.getsize(incident) == 0:
        return None
    status, output, errors = run(["query", "--as-is", "--format", "csv", incident, """
        SELECT (SELECT count(*) FROM source), (SELECT sum(events) FROM source),
          (SELECT count(*) || ' ' || total(sectors) || ' ' || total(completed_ns) FROM request),
          (SELECT count(*) || ' ' || total(total_ns) FROM io), (SELECT count(*) FROM clock),
          (SELECT count(*) FROM hop_summary), (SELECT count(*) FROM finding), (SELECT total(count) FROM stage)"""])
    if status == 2 and "is empty" in errors:
        # Made, and taken back to nothing.
        return None
    return output if status == 0 else "status %s: %s" % (status, errors)


class Fault:
    """Gathers how the tries of one fault ended."""

    def __init__(self, name):
        self.name, self.tries, self.ends, self.faults = name, 0, collections.Counter(), []

    def end(self, what):
        self.tries += 1
        self.ends[what] += 1

    def expect(self, holds, otherwise):
        if not holds:
            self.faults.append(otherwise)

    def sentence(self, status, errors, allowed=(2,)):
        """A run that could not do its work: the status, and one line."""
        self.expect(status in allowed, "status %s: %s" % (status, errors.strip()[-200:]))
        if status == 2:
            self.expect(len(errors.strip().splitlines()) == 1, "no sentence: %s" % errors.strip()[:200])

    def line(self):
        ends = ", ".join("%d %s" % (count, what) for what, count in self.ends.most_common())
        return "%-44s %5d  %s%s" % (self.name, self.tries, ends,
                                    "; NOT AS PROMISED: " + self.faults[0] if self.faults else "")


def made(folder, *steps):
    """An incident file after some of `guest`, `host`, `correlate`."""
    incident = os.path.join(folder, "base.db")
    for step in steps:
        arguments = {"guest": ["ingest", incident, GUEST, "--guest", "g"],
                     "host": ["ingest", incident, HOST, "--host", "h"], "correlate": ["correlate", incident]}[step]
        status, _, errors = run(arguments)
        if status != 0:
            sys.exit("faults: %s: %s" % (arguments, errors))
    return incident


def bytes_of(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


# MARK: Kills


def killed(folder, tries, source):
    works = {
        "ingest into a new file": ([], lambda i: ["ingest", i, HOST, "--host", "h"]),
        "ingest into a file with another": (["guest"], lambda i: ["ingest", i, HOST, "--host", "h"]),
        "correlate": (["guest", "host"], lambda i: ["correlate", i]),
    }
    for name, (steps, arguments) in works.items():
        fault = Fault("kill -9 in " + name)
        base = made(folder, *steps)
        before, raw = content(base), bytes_of(base)
        done = os.path.join(folder, "done.db")
        if raw is not None:
            shutil.copy(base, done)
        begin = time.time()
        run(arguments(done))
        length = time.time() - begin
        after = content(done)
        kills = 0
        # A run that was done before its end came shows nothing: it does not count as a kill.
        while kills < tries // len(works) and fault.tries < 4 * tries:
            incident = os.path.join(folder, "killed.db")
            if raw is not None:
                shutil.copy(base, incident)
            process = subprocess.Popen([PROGRAM] + arguments(incident), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(source.uniform(0, 1.05 * length))
            process.send_signal(signal.SIGKILL)
            was_killed = process.wait() == -signal.SIGKILL
            kills += was_killed
            had_journal = os.path.exists(incident + "-journal")
            found = content(incident)
            is_empty = found is None or (raw is None and found != after and "\n0," in found)
            fault.expect(found in (before, after) or (raw is None and is_empty), "half of it is there: %s" % found)
            if raw is not None and found == before != after:
                fault.expect(bytes_of(incident) == raw, "a byte of what was there is another")
            fault.end(("whole" if found == after else "nothing") + (", rolled back" if had_journal else "")
                      + ("" if was_killed else " (was done)"))
            status, _, errors = run(arguments(incident))
            fault.expect(status == 0 and content(incident) == after, "again: %s %s" % (status, errors))
            for suffix in ("", "-journal"):
                if os.path.exists(incident + suffix):
                    os.remove(incident + suffix)
        for path in (base, done):
            if os.path.exists(path):
                os.remove(path)
        yield fault


def interrupted(folder, tries, source):
    """Ended by a signal that it handles; what runs on several threads is this."""
    for name, steps, arguments in (("ingest", ["guest"], lambda i: ["ingest", i, HOST, "--host", "h"]),
                                   ("correlate", ["guest", "host"], lambda i: ["correlate", i])):
        fault = Fault("SIGINT or SIGTERM in " + name)
        base = made(folder, *steps)
        raw = bytes_of(base)
        done = os.path.join(folder, "done.db")
        shutil.copy(base, done)
        begin = time.time()
        run(arguments(done))
        length = time.time() - begin
        whole = content(done)
        for _ in range(max(10, tries // 10)):
            incident = os.path.join(folder, "interrupted.db")
            shutil.copy(base, incident)
            process = subprocess.Popen([PROGRAM] + arguments(incident), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       env=dict(os.environ, SWIFT_BACKTRACE="enable=no"))
            time.sleep(source.uniform(0, 1.05 * length))
            number = source.choice((signal.SIGINT, signal.SIGTERM))
            process.send_signal(number)
            errors = process.communicate(timeout=120)[1].decode(errors="replace")
            # Before it listens, the signal ends it as it ends any program.
            if process.returncode in (128 + number, -number):
                fault.expect(process.returncode < 0 or errors.startswith("hiddenq: interrupted"), "says %s" % errors[:300])
                # It may come when all is written and only the answer is to be printed.
                isUnchanged = bytes_of(incident) == raw
                fault.expect(isUnchanged or content(incident) == whole, "the file is another")
                fault.end("ended, unchanged" if isUnchanged else "ended, whole")
            else:
                fault.expect(process.returncode == 0, "status %s %s" % (process.returncode, errors[:300]))
                fault.end("was done")
            for path in (incident, incident + "-journal"):
                if os.path.exists(path):
                    os.remove(path)
        os.remove(base)
        yield fault


# MARK: Disks


def full_disk(folder, tries, source):
    fault = Fault("the disk is full")
    mount = os.path.join(folder, "small")
    os.makedirs(mount)
    base = made(folder, "guest")
    room = os.path.getsize(base) >> 10
    for number in range(max(10, tries // 10)):
        size = room + 8 + (number * 61) % 1500
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dk" % size, "tmpfs", mount],
                          stderr=subprocess.DEVNULL).returncode != 0:
            fault.end("not tested: no tmpfs can be mounted here")
            break
        try:
            incident = os.path.join(mount, "incident.db")
            shutil.copy(base, incident)
            for arguments in (["ingest", incident, HOST, "--host", "h"], ["correlate", incident]):
                raw, before = bytes_of(incident), content(incident)
                status, _, errors = run(arguments)
                if status == 0:
                    fault.end("had room")
                    continue
                fault.sentence(status, errors)
                fault.expect("disk" in errors, "says nothing of the disk: %s" % errors)
                fault.expect(bytes_of(incident) == raw and content(incident) == before, "the file is another")
                fault.end("%s: status 2, unchanged" % arguments[0])
                break
        finally:
            subprocess.run(["umount", mount])
    yield fault


def failing_calls(folder, tries, source):
    shim = os.path.join(folder, "shim.so")
    with open(os.path.join(folder, "shim.c"), "w") as file:
        file.write(SHIM)
    compiler = next((name for name in ("cc", "clang", "gcc") if shutil.which(name)), None)
    if not compiler or subprocess.run([compiler, "-shared", "-fPIC", "-o", shim, file.name, "-ldl"],
                                      stderr=subprocess.DEVNULL).returncode != 0:
        fault = Fault("calls of the system fail")
        fault.end("not tested: no C compiler")
        yield fault
        return
    base = made(folder, "guest")
    raw, before = bytes_of(base), content(base)
    for name, call, target, code in (
            ("reading a trace fails (EIO)", "read", "blkparse.txt", 5),
            ("reading the incident file fails (EIO)", "pread", "broken.db", 5),
            ("writing the incident file fails (EIO)", "write", "broken.db", 5),
            ("writing fails for want of room (ENOSPC)", "write", "broken.db", 28),
            ("fsync fails (EIO)", "fsync", "broken.db", 5)):
        fault = Fault(name)
        for number in range(max(12, tries // 10)):
            incident = os.path.join(folder, "broken.db")
            shutil.copy(base, incident)
            after = number if number < 6 else int(2 ** source.uniform(0, 9))
            if call == "read":
                after = number % 4
            status, _, errors = run(
                ["ingest", incident, HOST, "--host", "h"], LD_PRELOAD=shim, FAULT_CALL=call, FAULT_FILE=target,
                FAULT_AFTER=str(after), FAULT_ERRNO=str(code))
            if status == 0:
                fault.end("done before the fault")
            else:
                fault.sentence(status, errors)
                # SQLite may have to take something back, which the fault kept it from.
                fault.expect(content(incident) == before and bytes_of(incident) == raw, "the file is another")
                fault.end("status 2, unchanged")
            for suffix in ("", "-journal"):
                if os.path.exists(incident + suffix):
                    os.remove(incident + suffix)
        yield fault


def full_output(folder, tries, source):
    fault = Fault("standard output cannot be written")
    base = made(folder, "guest", "host", "correlate")
    printing = [["report", base], ["report", base, "--format", "json"], ["report", base, "--format", "html"],
                ["findings", base], ["check", base], ["show", base, "slowest"], ["compare", base, base], ["formats"],
                ["schema"], ["query", "--list"], ["capture", "guest"], ["--help"]]
    # Short results, and some that are longer than any buffer.
    printing += [["query", base, "SELECT * FROM request" + limit, "--format", form]
                 for limit in (" LIMIT 1", "") for form in ("table", "csv", "json", "jsonl", "markdown")]
    for arguments in printing:
        with open("/dev/full", "w") as full:
            process = subprocess.run([PROGRAM] + arguments, stdout=full, stderr=subprocess.PIPE)
        errors = process.stderr.decode()
        fault.sentence(process.returncode, errors)
        fault.expect("No space left" in errors, "%s: says %s" % (arguments[0], errors))
        fault.end("status %d" % process.returncode)
    yield fault
    fault = Fault("who reads the results goes away (head)")
    for arguments in printing:
        for way in ("", "trap '' PIPE; "):
            shell = subprocess.run(
                ["bash", "-c", way + '"$0" "$@" | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}', PROGRAM] + arguments,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            # Short results may have been written before it went.
            fault.expect(shell.returncode in (0, 141) and not shell.stderr,
                         "%s: status %s %s" % (arguments[0], shell.returncode, shell.stderr.decode()[:200]))
            fault.end("quiet")
    yield fault


# MARK: Traces


def changing_traces(folder, tries, source):
    with open(HOST) as file:
        text = file.read()
    for name in ("grows", "is cut", "is replaced"):
        fault = Fault("a trace %s while it is read" % name)
        for _ in range(max(10, tries // 10)):
            trace, incident = os.path.join(folder, "trace.txt"), os.path.join(folder, "moving.db")
            with open(trace, "w") as file:
                file.write(text * 3)
            process = subprocess.Popen([PROGRAM, "ingest", incident, trace, "--host", "h"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(source.uniform(0, 0.2))
            if name == "grows":
                with open(trace, "a") as file:
                    file.write(text[:1 << 20])
            elif name == "is cut":
                os.truncate(trace, source.randrange(len(text)))
            else:
                os.remove(trace)
                with open(trace, "w") as file:
                    file.write("something else\n")
            _, errors = process.communicate(timeout=120)
            status = process.returncode
            if status == 0:
                checked, _, said = run(["check", incident])
                fault.expect(checked in (0, 1, 3), "check: %s %s" % (checked, said))
                fault.end("used as it was read")
            else:
                fault.sentence(status, errors.decode())
                fault.expect(not os.path.exists(incident), "an empty incident file was left")
                fault.end("status 2, nothing left")
            if os.path.exists(incident):
                os.remove(incident)
        yield fault


# MARK: Incident files


def locked(folder, tries, source):
    fault = Fault("the incident file is locked")
    base = made(folder, "guest")
    raw = bytes_of(base)
    for arguments in (["ingest", base, HOST, "--host", "h"], ["correlate", base], ["report", base], ["check", base],
                      ["query", base, "SELECT 1"]):
        connection = sqlite3.connect(base, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        begin = time.time()
        status, _, errors = run(arguments)
        connection.execute("ROLLBACK")
        connection.close()
        fault.sentence(status, errors)
        fault.expect("lock" in errors, errors)
        fault.expect(time.time() - begin < 15, "it waited for %.1f s" % (time.time() - begin))
        fault.expect(bytes_of(base) == raw, "the file is another")
        fault.end("status 2, unchanged")
    yield fault


def read_only(folder, tries, source):
    fault = Fault("the incident file is on a read-only disk")
    mount = os.path.join(folder, "readonly")
    os.makedirs(mount)
    base = made(folder, "guest", "host", "correlate")
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mount], stderr=subprocess.DEVNULL).returncode != 0:
        fault.end("not tested: no tmpfs can be mounted here")
        yield fault
        return
    try:
        incident = os.path.join(mount, "incident.db")
        shutil.copy(base, incident)
        subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
        for arguments in READERS:
            status, _, errors = run([arguments[0], incident] + arguments[1:])
            fault.expect(status in (0, 1, 3), "%s: status %s %s" % (arguments[0], status, errors))
            fault.end("read")
        status, _, errors = run(["ingest", incident, GUEST, "--guest", "other"])
        fault.sentence(status, errors)
        fault.end("written: status 2")
    finally:
        subprocess.run(["umount", mount])
    yield fault


def newer(folder, tries, source):
    fault = Fault("the incident file is of a newer schema")
    base = made(folder, "guest")
    connection = sqlite3.connect(base)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    raw = bytes_of(base)
    for arguments in READERS + (["correlate"], ["ingest", HOST, "--host", "h"]):
        status, _, errors = run([arguments[0], base] + arguments[1:])
        fault.sentence(status, errors)
        fault.expect("newer" in errors, errors)
        fault.expect(bytes_of(base) == raw, "the file is another")
        fault.end("status 2, unchanged")
    yield fault


def foreign(folder, tries, source):
    fault = Fault("the incident file is another program's, or has other tables")
    path = os.path.join(folder, "foreign.db")
    for statements in (
            ["CREATE TABLE a (b)"], ["PRAGMA application_id = 0x68716e63"],
            ["PRAGMA application_id = 0x68716e63", "PRAGMA user_version = 1", "CREATE TABLE a (b)"],
            ["PRAGMA application_id = 0x68716e63", "PRAGMA user_version = 1",
             "CREATE TABLE source_file (source_id, machine_id, path)", "CREATE VIEW source AS SELECT 1 AS x"]):
        if os.path.exists(path):
            os.remove(path)
        connection = sqlite3.connect(path)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()
        for arguments in READERS + (["correlate"], ["ingest", HOST, "--host", "h"]):
            status, _, errors = run([arguments[0], path] + arguments[1:])
            fault.sentence(status, errors, allowed=(0, 2, 3) if arguments[0] in ("check",) else (2,))
            fault.end("status %s" % status)
    for junk in (b"", b"SQLite format 3\0", b"hello\n" * 1000, os.urandom(100_000)):
        with open(path, "wb") as file:
            file.write(junk)
        for arguments in READERS + (["correlate"],):
            status, _, errors = run([arguments[0], path] + arguments[1:])
            fault.sentence(status, errors)
            fault.end("status %s" % status)
    yield fault


def damaged(folder, tries, source):
    base = made(folder, "guest", "host", "correlate")
    raw = bytes_of(base)
    size = 16384
    for name in ("random bytes in a page", "a page of zeros", "two pages swapped", "a bit flipped", "the file is cut"):
        fault = Fault("damaged: " + name)
        for _ in range(tries // 5):
            data = bytearray(raw)
            page = source.randrange(len(raw) // size)
            if name == "random bytes in a page":
                for _ in range(source.randrange(1, 400)):
                    data[page * size + source.randrange(size)] = source.randrange(256)
            elif name == "a page of zeros":
                data[page * size:(page + 1) * size] = bytes(size)
            elif name == "two pages swapped":
                other = source.randrange(len(raw) // size)
                data[page * size:(page + 1) * size] = raw[other * size:(other + 1) * size]
                data[other * size:(other + 1) * size] = raw[page * size:(page + 1) * size]
            elif name == "a bit flipped":
                for _ in range(source.choice((1, 1, 30))):
                    data[source.randrange(len(data))] ^= 1 << source.randrange(8)
            else:
                del data[source.randrange(len(data)):]
            path = os.path.join(folder, "damaged.db")
            for arguments in READERS + (["correlate"], ["ingest", GUEST, "--guest", "again"]):
                with open(path, "wb") as file:
                    file.write(data)
                status, _, errors = run([arguments[0], path] + arguments[1:], seconds=60)
                fault.expect(status in (0, 1, 2, 3), "%s: status %s %s" % (arguments[0], status, errors.strip()[-300:]))
                if status == 2:
                    fault.expect(len(errors.strip().splitlines()) == 1, "no sentence: %s" % errors.strip()[:200])
                fault.end("status 2" if status == 2 else "crashed" if status is None or status < 0 else "not hit")
                if fault.faults and KEEP and not os.path.exists(os.path.join(KEEP, re.sub(r"\W+", "-", name) + ".db")):
                    shutil.copy(path, os.path.join(KEEP, re.sub(r"\W+", "-", name) + ".db"))
                if os.path.exists(path + "-journal"):
                    os.remove(path + "-journal")
        yield fault


def packed(folder, tries, source):
    """What stands in one blob, a few thousand thread times each."""
    fault = Fault("damaged: packed thread times")
    base = os.path.join(folder, "threads.db")
    trace = os.path.join(ROOT, "Fixtures", "perf-sched", "clock-set-back-by-less-than-a-second", "input.txt")
    status, _, errors = run(["ingest", base, trace, "--host", "h"])
    if status != 0:
        sys.exit("faults: %s" % errors)
    path = os.path.join(folder, "packed.db")
    for _ in range(tries // 5):
        shutil.copy(base, path)
        connection = sqlite3.connect(path)
        chunk, data = connection.execute("SELECT chunk_id, data FROM thread_slice_chunk").fetchone()
        data = bytearray(data)
        for _ in range(source.choice((1, 1, 20))):
            data[source.randrange(len(data))] = source.choice((0, 0x7F, 0x80, 0xFF, source.randrange(256)))
        if source.random() < 0.2:
            del data[source.randrange(len(data)):]
        connection.execute("UPDATE thread_slice_chunk SET data = ? WHERE chunk_id = ?", (bytes(data), chunk))
        connection.commit()
        connection.close()
        for arguments in (["query", path, "SELECT * FROM thread_interval"], ["correlate", path], ["report", path]):
            status, _, errors = run(arguments, seconds=60)
            fault.sentence(status, errors, allowed=(0, 2, 3))
            fault.end("status 2" if status == 2 else "crashed" if status is None or status < 0 else "read")
    yield fault


def circular(folder, tries, source):
    """An interior page whose children are one and the same page, for six levels: a scan would never end."""
    fault = Fault("forged: pages that lead to each other; check")
    base = made(folder, "guest", "host", "correlate")
    size = 16384
    connection = sqlite3.connect(base)
    roots = connection.execute("SELECT rootpage FROM sqlite_master WHERE type = 'table'").fetchall()
    connection.close()
    raw = bytes_of(base)
    for root, in roots:
        # The root of a table that has rows.
        leaf = raw[(root - 1) * size:root * size]
        if leaf[0] != 13 or leaf[3:5] == b"\0\0":
            continue
        data = bytearray(raw) + leaf
        for level in range(6):
            child = (len(data) // size).to_bytes(4, "big")
            cells = [child + bytes([0x80 | number >> 7, number & 127]) for number in range(400)]
            starts = [size - 6 * (number + 1) for number in range(400)]
            page = bytearray(size)
            page[0], page[3:5], page[5:7], page[8:12] = 5, (400).to_bytes(2, "big"), starts[-1].to_bytes(2, "big"), child
            for number, (start, cell) in enumerate(zip(starts, cells)):
                page[12 + 2 * number:14 + 2 * number] = start.to_bytes(2, "big")
                page[start:start + 6] = cell
            if level < 5:
                data += page
            else:
                data[(root - 1) * size:root * size] = page
        data[28:32] = (len(data) // size).to_bytes(4, "big")
        path = os.path.join(folder, "circular.db")
        with open(path, "wb") as file:
            file.write(data)
        status, _, errors = run(["check", path], seconds=60)
        fault.sentence(status, errors)
        fault.end("hung" if status is None else "status %s" % status)
    yield fault


# What no ingest writes into a column of integers.
NUMBERS = [-1, 1 << 31, 1 << 53, 1 << 61, (1 << 63) - 1, -(1 << 63), -(1 << 61)]


def numbers(folder, tries, source):
    """Any number in a column of any table, in one row or in all: pages and rows are whole then."""
    bases = [("a block capture and a scheduler trace", made(folder, "guest", "host", "correlate"))]
    sched = os.path.join(ROOT, "Fixtures", "perf-sched", "clock-set-back-by-less-than-a-second", "input.txt")
    for step in (["ingest", bases[0][1], sched, "--host", "h"], ["correlate", bases[0][1]]):
        run(step)
    shared = os.path.join(ROOT, "..", "shared", "traces", "tcg-buffered")
    if os.path.isdir(shared):
        run(["analyze", shared, "-o", os.path.join(folder, "whole")], seconds=120)
        bases.append(("a capture with the page cache", os.path.join(folder, "whole", "incident.db")))
    path = os.path.join(folder, "number.db")
    for name, base in bases:
        fault = Fault("damaged: a number in " + name)
        connection = sqlite3.connect(base)
        tables = [table for table, in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
        columns = [(table, column[1]) for table in tables
                   if connection.execute('SELECT count(*) FROM "%s"' % table).fetchone()[0]
                   for column in connection.execute('PRAGMA table_info("%s")' % table) if column[2] == "INTEGER"]
        connection.close()
        for _ in range(tries // 2):
            (table, column), number = source.choice(columns), source.choice(NUMBERS)
            where = source.choice(("", "WHERE rowid %% 7 = %d" % source.randrange(7)))
            shutil.copy(base, path)
            connection = sqlite3.connect(path)
            connection.execute("PRAGMA ignore_check_constraints = on")
            try:
                connection.execute('UPDATE OR IGNORE "%s" SET "%s" = ? %s' % (table, column, where), (number,))
                connection.commit()
            except sqlite3.Error:
                # A table without row numbers, or a number that its index holds already.
                connection.rollback()
            connection.close()
            for arguments in (["correlate"], ["report"], ["findings"], ["show", "slowest"]):
                status, _, errors = run([arguments[0], path] + arguments[1:], seconds=60)
                fault.expect(status in (0, 1, 2, 3), "%s with %s.%s = %d: status %s %s" % (
                    arguments[0], table, column, number, status, errors.strip()[-200:]))
                if status == 2:
                    fault.expect(len(errors.strip().splitlines()) == 1, "no sentence: %s" % errors.strip()[:200])
                fault.end("status 2" if status == 2 else "crashed" if status is None or status < 0 else "read")
        yield fault
    if len(bases) == 1:
        print("faults: ../shared is not there, so nothing was tried with the page cache")


KEEP = None
FAULTS = [killed, interrupted, full_disk, failing_calls, full_output, changing_traces, locked, read_only, newer, foreign, damaged,
          packed, circular, numbers]


def main():
    global PROGRAM, KEEP
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build", "release", "hiddenq"))
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--tries", type=int, default=210)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep")
    options = parser.parse_args()
    if options.help:
        print(__doc__.strip())
        return 0
    PROGRAM, KEEP = os.path.abspath(options.hiddenq), options.keep
    if not os.access(PROGRAM, os.X_OK):
        print("faults: there is no %s; build it first" % PROGRAM)
        return 2
    print("%-44s %5s  %s" % ("fault", "tries", "outcome"))
    failed = total = 0
    for make in FAULTS:
        if options.only and not any(word in make.__name__ for word in options.only):
            continue
        folder = tempfile.mkdtemp(prefix="hiddenq-faults-")
        try:
            for fault in make(folder, options.tries, random.Random(options.seed)):
                print(fault.line(), flush=True)
                total += fault.tries
                failed += bool(fault.faults)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print("%d tries; %s" % (total, "%d faults are not as promised" % failed if failed else "all as promised"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
