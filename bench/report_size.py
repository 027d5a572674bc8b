#!/usr/bin/env python3
"""The size of report.html for an incident of a million I/Os.

    python3 bench/report_size.py --hiddenq .build/release/hiddenq [--ios 1000000]

Ingests the fixture, then multiplies what was read and found: I/Os over a long time, threads, culprits, seconds
of steal, intervals of queues, files and their problems. The report of it must stay below 500 KB, and no figure
may have more than some hundred marks; else the exit status is 1.
"""
import argparse
import pathlib
import re
import resource
import sqlite3
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LARGEST = 500_000
# A heat map has 14 rows of 40 cells, and its labels.
MOST_MARKS = 600


def multiply(db, table, times, shifts, where="1"):
    """Adds copies 1 to times - 1 of a table's rows; shifts: what a column of copy n becomes, in SQL."""
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(shifts.get(column, f'"{column}"') for column in columns)
    db.execute(
        f"""
        WITH RECURSIVE copy(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copy WHERE n < ?)
        INSERT INTO {table} ({", ".join(f'"{c}"' for c in columns)})
        SELECT {values} FROM copy, {table} WHERE {where}
        """,
        (times - 1,),
    )


def grow(path, ios):
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = OFF")
    db.execute("PRAGMA synchronous = OFF")
    (have,) = db.execute("SELECT count(*) FROM guest_io").fetchone()
    times = ios // have + 1
    (span,) = db.execute(
        "SELECT max(reference_ns) - min(reference_ns) + 1000000000 FROM guest_io").fetchone()
    (step,) = db.execute("SELECT max(request_id) FROM block_request").fetchone()
    shifted = {column: f"{column} + n * {span}" for column in (
        "queued_at_ns", "completed_at_ns", "reference_ns", "at_ns", "from_ns", "to_ns")}
    number = {column: f"{column} + n * {step}" for column in ("request_id", "host_request_id")}
    multiply(db, "block_request", times, {**shifted, **number, "line": "line"})
    multiply(db, "block_detour", times, number)
    # No two alike: each hop of a copy is a little longer than that of the one before.
    longer = {column: f"{column} + {column} * (n % 97) / 100" for column in (
        "guest_scheduler_ns", "virtio_submit_ns", "virtio_return_ns", "host_scheduler_ns",
        "hardware_queue_ns", "block_ns")}
    (last,) = db.execute("SELECT max(io_id) FROM guest_io").fetchone()
    multiply(db, "guest_io", times, {**shifted, **number, **longer, "io_id": f"io_id + n * {last}"})
    multiply(db, "queue_interval", times, shifted)
    multiply(db, "source_file", 400, {
        "source_id": "source_id + n * 1000", "path": "path || n", "sha256": "sha256 || n"})
    db.execute(
        """
        WITH RECURSIVE copy(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copy WHERE n < 5000)
        INSERT INTO source_problem
        SELECT (SELECT max(source_id) FROM source_file), n, 1, 'bad_line', 'skipped', n,
          'what stood there, ' || n || ', and some more of it', 'look at the line' FROM copy
        """)
    db.execute(
        """
        WITH RECURSIVE copy(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copy WHERE n < 20000)
        INSERT INTO sched_thread
        SELECT n, 1, 0, n, n, 'worker-' || n, n * 1000, 10, n * 500, 10, 900, 800, NULL, 3 FROM copy
        """)
    db.execute(
        """
        INSERT INTO thread_owner
        SELECT thread_id, CASE thread_id % 4 WHEN 0 THEN 'vcpu' WHEN 1 THEN 'iothread' ELSE 'other' END,
          CASE WHEN thread_id % 4 < 2 THEN 'guest' || thread_id % 50 END, thread_id % 64, thread_id
        FROM sched_thread
        """)
    db.execute(
        """
        INSERT INTO culprit_sum
        SELECT thread_id, (thread_id * 7919 + add_) % 20000 + 1,
          CASE add_ % 3 WHEN 0 THEN 'host' WHEN 1 THEN 'guest' ELSE 'kernel' END, 1000 * thread_id + add_
        FROM sched_thread, (SELECT 0 AS add_ UNION SELECT 1 UNION SELECT 2 UNION SELECT 3)
        """)
    db.execute(
        """
        WITH RECURSIVE copy(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM copy WHERE n < 86399)
        INSERT INTO steal_second
        SELECT 'guest' || guest.g, n * 1000000000, NULL, 4, 1000000000, n % 97 * 10000000, 500000000,
          n % 90, n % 89, n % 30
        FROM copy, (SELECT 0 AS g UNION SELECT 4 UNION SELECT 8) AS guest
        """)
    db.commit()
    counts = {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in (
        "guest_io", "queue_interval", "sched_thread", "culprit_sum", "steal_second", "source_file",
        "source_problem")}
    db.close()
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hiddenq", required=True)
    parser.add_argument("--ios", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/incident.db"
        for arguments in (["ingest", path, str(ROOT / "Fixtures/kvm-noisy-cpu")], ["correlate", path]):
            subprocess.run([options.hiddenq, *arguments], check=True, stdout=subprocess.DEVNULL)
        for table, count in grow(path, options.ios).items():
            print(f"{table:15} {count:>9,} rows")
        page = subprocess.run(
            [options.hiddenq, "report", path, "--format", "html"], check=True,
            stdout=subprocess.PIPE).stdout.decode()
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    size = len(page.encode())
    figures = re.findall(r"<svg .*?</svg>", page, re.S)
    marks = [len(re.findall(r"<(?:rect|path|text|circle|line|polyline)\b", one)) for one in figures]
    print(f"report.html     {size:>9,} bytes, {len(figures)} figures, at most {max(marks)} marks in one; "
          f"{spent.ru_utime:.0f} s CPU, {spent.ru_maxrss // 1024} MiB")
    faults = []
    if size >= LARGEST:
        faults.append(f"report.html has {size:,} bytes, {LARGEST:,} are the limit")
    if max(marks) > MOST_MARKS:
        faults.append(f"a figure has {max(marks)} marks, {MOST_MARKS} are the limit")
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
