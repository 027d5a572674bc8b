#!/usr/bin/env python3
"""Breaks what hiddenq stands on, and prints what became of it.

usage: faults.py [--hiddenq PATH] [--only WORD...] [--tries N] [--seed N] [--keep DIR] [--all-numbers] [--jobs N]

A table: the fault, how often it was tried, how the runs ended, and whether each was as promised: a file goes in
whole or not at all, what was there before is there after, and what cannot be done is one sentence and status 2.
--tries is that of runs that kill -9 ended, of flipped pages and of numbers (default 210); the others follow from it.
The seed is printed; without one it is drawn. --all-numbers tries every number in every numeric column of every table
once, which takes an hour or more; --jobs: so many of them at once.

Exit status: 0 all as promised; 1 some are not; 2 it could not be run.
"""
import argparse
import collections
import concurrent.futures
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CAPTURE = os.path.join(ROOT, "Fixtures", "kvm-noisy-cpu")
GUEST = os.path.join(CAPTURE, "guest-L2", "blkparse.txt")
HOST = os.path.join(CAPTURE, "host-L1", "blkparse.txt")
PROGRAM = ""
READERS = (["report"], ["explain"], ["findings"], ["check"], ["show", "slowest"],
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


# MARK: Numbers


# Ends of types and ranges, what doubles cannot hold, and what is no length, place or share.
WHOLE = [-1, 0, 1 << 31, 1 << 53, 1 << 61, (1 << 62) + 1, (1 << 63) - 1, -(1 << 63), -(1 << 61)]
REAL = [float("inf"), float("-inf"), 1.7e308, -1.7e308, 1e19, 9.3e18, -1.0, -0.0, 5e-324, float("nan")]


def numeric(connection):
    """Every numeric column: the table, its name, its type."""
    tables = [table for table, in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")]
    return [(table, column[1], column[2]) for table in tables
            for column in connection.execute('PRAGMA table_info("%s")' % table) if column[2] in ("INTEGER", "REAL")]


def rows(connection, table):
    return connection.execute('SELECT count(*) FROM "%s"' % table).fetchone()[0]


def trim(path, most=40):
    """Leaves a few rows of each table, those of one I/O together: what is tried is columns, not sizes."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TEMP TABLE kept AS SELECT request_id FROM guest_io LIMIT %d" % most)
    connection.execute("""INSERT INTO kept SELECT host_request_id FROM guest_io
        WHERE request_id IN (SELECT request_id FROM kept) AND host_request_id IS NOT NULL""")
    for table in ("guest_io", "block_request", "block_detour", "merged_bio", "io_page"):
        connection.execute("DELETE FROM %s WHERE request_id NOT IN (SELECT request_id FROM kept)" % table)
    for table in ("culprit_sum", "counter_sample", "queue_interval", "dirtied_page", "block_moment", "writeback_pass",
                  "device_stall", "qemu_block_request", "source_problem", "thread_slice_chunk", "page_extent",
                  "recorded_clock", "sched_latency_row"):
        connection.execute("DELETE FROM %s WHERE rowid NOT IN (SELECT rowid FROM %s LIMIT %d)"
                           % (table, table, 2 if table == "thread_slice_chunk" else most))
    connection.execute("""DELETE FROM sched_thread WHERE thread_id NOT IN (
        SELECT thread_id FROM sched_thread LEFT JOIN thread_owner USING (thread_id)
        ORDER BY guest IS NULL, thread_id LIMIT 60)""")
    connection.execute("DELETE FROM thread_owner WHERE thread_id NOT IN (SELECT thread_id FROM sched_thread)")
    connection.commit()
    connection.execute("VACUUM")
    connection.close()


def fill(path):
    """A row into each table that has none, with values that other tables have in columns of that name."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA ignore_check_constraints = on")
    tables = [(table, sql) for table, sql in connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")]
    known = {}
    for table, _ in tables:
        for column in connection.execute('PRAGMA table_info("%s")' % table):
            value = connection.execute(
                'SELECT "%s" FROM "%s" WHERE "%s" IS NOT NULL LIMIT 1' % (column[1], table, column[1])).fetchone()
            if value:
                known.setdefault((column[1], column[2]), value[0])
    for table, sql in tables:
        if rows(connection, table):
            continue
        names, values = [], []
        for column in connection.execute('PRAGMA table_info("%s")' % table):
            words = re.search(r"\b%s \w+[^,]*? IN \('(\w+)'" % column[1], sql)
            names.append('"%s"' % column[1])
            values.append(words.group(1) if words else known.get(
                (column[1], column[2]), {"INTEGER": 1, "REAL": 0.5, "TEXT": "x", "BLOB": b""}[column[2]]))
        connection.execute('INSERT INTO "%s" (%s) VALUES (%s)' % (
            table, ", ".join(names), ", ".join("?" * len(names))), values)
    connection.commit()
    connection.close()


def number_bases(folder):
    """Small correlated incident files, which together have rows in every table."""
    base = made(folder, "guest", "host")
    for fixture in ("perf-sched/clock-set-back-by-less-than-a-second", ):
        run(["ingest", base, os.path.join(ROOT, "Fixtures", fixture, "input.txt"), "--host", "h", "--keep-events"])
    run(["correlate", base])
    bases = [("a block capture", base)]
    shared = os.path.join(ROOT, "..", "shared", "traces")
    for capture in ("tcg-buffered", "kvm-noisy-cpu"):
        if os.path.isdir(os.path.join(shared, capture)):
            whole = os.path.join(folder, capture)
            run(["analyze", os.path.join(shared, capture), "-o", whole], seconds=300)
            bases.append((capture, os.path.join(whole, "incident.db")))
    for _, path in bases:
        trim(path)
        fill(path)
        # What was cut away is no fault of the file, and correlate is not due.
        status, _, errors = run(["report", path])
        if status not in (0, 3):
            sys.exit("faults: the report of %s ends with %s: %s" % (path, status, errors))
    return bases


def readers(path, other, folder, source):
    """Every command that reads an incident file."""
    out = os.path.join(folder, "out")
    copy = os.path.join(folder, "copy.db")
    if os.path.exists(copy):
        os.remove(copy)
    return [
        ["report", path], ["report", path, "--format", "json"], ["report", path, "--format", "html"],
        ["report", path, "--format", "markdown"], ["explain", path],
        ["explain", path, "--format", "json"], ["findings", path], ["show", path, "slowest"], ["show", path, "io", "1"],
        ["compare", path, other], ["compare", other, path, "--format", "json"],
        ["export", path, "--format", "perfetto", "-o", out + ".perfetto"],
        ["export", path, "--format", "csv", "-o", out], ["export", path, "--format", "jsonl", "-o", out],
        ["query", path, "--name", source.choice(STORED)], ["check", path], ["redact", path, "-o", copy],
        ["fleet", "load", path]]


STORED = sorted(name[:-4] for name in os.listdir(os.path.join(ROOT, "schema", "queries")))


def try_number(base, other, folder, table, column, number, where, order, seed):
    """Sets a number, and lets every command read it. Returns how the runs ended, and what was not as promised."""
    source = random.Random(seed)
    path = os.path.join(folder, "number.db")
    ends, faults = collections.Counter(), []
    for suffix in ("", "-journal"):
        if os.path.exists(path + suffix):
            os.remove(path + suffix)
    shutil.copy(base, path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA ignore_check_constraints = on")
    try:
        changed = connection.execute(
            'UPDATE OR IGNORE "%s" SET "%s" = ? %s' % (table, column, where), (number,)).rowcount
        connection.commit()
    except sqlite3.Error:
        # A column that must not be NULL, which is what SQLite makes of nan.
        changed = 0
        connection.rollback()
    connection.close()
    if not changed:
        return collections.Counter(["not to be set"]), []
    # Before: the readers see the number itself. After: correlate has read it, and filled the derived tables anew.
    commands = readers(path, other, folder, source)
    if order == "after":
        commands = [["correlate", path]] + [command for command in commands if command[0] in (
            "report", "explain", "findings", "show", "compare", "export") and "html" not in command and "csv" not in command]
    for arguments in commands:
        status, _, errors = run(arguments, seconds=60)
        what = "%s %s with %s.%s = %r%s %s" % (arguments[0], " ".join(arguments[2:4]), table, column, number,
                                               " in one row" if where else "", order)
        if status not in (0, 1, 2, 3):
            faults.append("%s: status %s %s" % (what, status, errors.strip()[-300:]))
        elif status == 2 and len(errors.strip().splitlines()) != 1:
            faults.append("%s: no sentence: %s" % (what, errors.strip()[:200]))
        ends["status 2" if status == 2 else "hung" if status is None else "crashed" if status < 0 else "read"] += 1
    return ends, faults


def numbers(folder, tries, source):
    """Any number in any numeric column of any table, in one row or in all, read by every command."""
    bases = number_bases(folder)
    plan = []
    done = set()
    for name, base in bases:
        connection = sqlite3.connect(base)
        for table, column, kind in numeric(connection):
            # The first file that was recorded with it; that of a table which no capture fills is made up.
            recorded = [other for _, other in bases if has_recorded(other, table)]
            if base != (recorded or [bases[0][1]])[0]:
                continue
            for number in WHOLE if kind == "INTEGER" else REAL:
                # What is alike in all rows shows what one does not, and the other way round.
                place = (len(plan) % rows(connection, table)) + 1
                one = 'WHERE rowid = (SELECT rowid FROM "%s" LIMIT 1 OFFSET %d)' % (table, place - 1)
                plan.append((name, base, table, column, number, one if len(plan) % 3 == 0 else "", "before"))
                if table not in DERIVED:
                    plan.append((name, base, table, column, number, "" if len(plan) % 3 == 0 else one, "after"))
            done.add((table, column))
        connection.close()
    fault = Fault("damaged: a number in a column")
    if ALL:
        chosen = plan
    else:
        chosen = source.sample(plan, min(len(plan), tries))
    other = os.path.join(folder, "other.db")
    shutil.copy(bases[-1][1], other)

    def one(task):
        index, (name, base, table, column, number, where, order) = task
        own = os.path.join(folder, "worker-%d" % threading.get_ident())
        os.makedirs(own, exist_ok=True)
        return try_number(base, other, own, table, column, number, where, order, index)

    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for index, (ends, faults) in enumerate(pool.map(one, enumerate(chosen)), 1):
            fault.tries += sum(ends.values())
            fault.ends += ends
            fault.faults += faults
            for text in faults:
                print("  " + text, flush=True)
            if ALL and index % 500 == 0:
                print("  %d of %d numbers" % (index, len(chosen)), flush=True)
    print("  %d numbers of %d in %d columns of %d tables; %d files: %s" % (
        len(chosen), len(plan), len(done), len({table for table, _ in done}), len(bases), ", ".join(name for name, _ in bases)))
    yield fault


RECORDED = {}


def has_recorded(path, table):
    """Whether a file has rows in a table that `fill` did not make."""
    if path not in RECORDED:
        connection = sqlite3.connect(path)
        RECORDED[path] = {name: rows(connection, name) for name, in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'")}
        connection.close()
    return RECORDED[path].get(table, 0) > 1


def derived_tables():
    """The tables that correlate empties and fills."""
    with open(os.path.join(ROOT, "schema", "tables.sql")) as file:
        return set(re.findall(r"(?m)^CREATE TABLE (\w+)", file.read().split("-- From here on: what `correlate` finds.")[1]))


DERIVED = derived_tables()
ALL, JOBS = False, 1


KEEP = None
FAULTS = [killed, interrupted, full_disk, failing_calls, full_output, changing_traces, locked, read_only, newer, foreign, damaged,
          packed, circular, numbers]


def main():
    global PROGRAM, KEEP, ALL, JOBS
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--hiddenq", default=os.path.join(ROOT, ".build", "release", "hiddenq"))
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--tries", type=int, default=210)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--all-numbers", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep")
    options = parser.parse_args()
    if options.help:
        print(__doc__.strip())
        return 0
    PROGRAM, KEEP = os.path.abspath(options.hiddenq), options.keep
    ALL, JOBS = options.all_numbers, options.jobs
    if not os.access(PROGRAM, os.X_OK):
        print("faults: there is no %s; build it first" % PROGRAM)
        return 2
    print("seed %d" % options.seed)
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
