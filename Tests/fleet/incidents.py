"""Incidents of a fleet, made out of a few: other hosts, guests and days, and other times in their hops."""
import hashlib
import random
import shutil
import sqlite3

DAY_NS = 86_400_000_000_000
# Stretches of an I/O that are its own columns; what they add up to is recomputed.
HOPS = ("guest_scheduler_ns", "virtio_submit_ns", "virtio_return_ns", "host_scheduler_ns", "hardware_queue_ns")


def vary(base, target, number, hosts=8, guests=24, days=30, first_day_ns=1_790_000_000_000_000_000):
    """Writes a variant of the incident file `base`; the same number gives the same variant.

    Only a test may do this: it changes the tables of an incident file, which are no promise.
    """
    random_ = random.Random(number)
    shutil.copyfile(base, target)
    db = sqlite3.connect(target)
    names = {}
    for name, layer in db.execute("SELECT name, layer FROM machine").fetchall():
        new = "%s%02d" % (("h", number % hosts) if layer == "host" else ("g", (number * 7 + len(names)) % guests))
        while new in names.values():
            new += "b"
        names[name] = new
        db.execute("UPDATE machine SET name = ? WHERE name = ?", (new, name))
    for table, column in guest_columns(db):
        for old, new in names.items():
            db.execute('UPDATE "%s" SET "%s" = ? WHERE "%s" = ?' % (table, column, column), (new, old))
    for source, sha in db.execute("SELECT source_id, sha256 FROM source_file").fetchall():
        db.execute("UPDATE source_file SET sha256 = ? WHERE source_id = ?",
                   (hashlib.sha256(("%s %d" % (sha, number)).encode()).hexdigest(), source))
    start = first_day_ns + random_.randrange(days) * DAY_NS + random_.randrange(DAY_NS // 1000) * 1000
    db.execute("UPDATE source_file SET start_ns = ?, start_clock = 'CLOCK_REALTIME' WHERE tool_clock = 'blktrace'",
               (start,))
    for hop in HOPS:
        factor = random_.lognormvariate(0, 0.5)
        db.execute("UPDATE guest_io SET %s = CAST(%s * ? AS INTEGER)" % (hop, hop), (factor,))
    db.execute("UPDATE guest_io SET block_ns = %s WHERE virtio_submit_ns IS NOT NULL" % " + ".join(HOPS))
    db.commit()
    db.close()


def guest_columns(db):
    """Text columns in which a machine is called by its name."""
    tables = [row[0] for row in db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'machine'")]
    for table in tables:
        for column in db.execute('PRAGMA table_info("%s")' % table):
            if column[1] in ("guest", "machine") and column[2] == "TEXT":
                yield table, column[1]
