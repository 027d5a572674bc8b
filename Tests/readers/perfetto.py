#!/usr/bin/env python3
"""Reads a Perfetto trace by itself (the wire format of protocol buffers and nothing else) and holds it
against an incident file. Prints 'ok' and what it counted, or the first thing that differs and ends with 1.

usage: perfetto.py TRACE INCIDENT
"""
import sqlite3
import struct
import sys

HOPS = ("page_cache", "guest_scheduler", "virtio_submit", "host_scheduler", "hardware_queue",
        "virtio_return")


def fields(data):
    """(number, value) of each field of a message."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, varint()
        elif kind == 1:
            yield tag >> 3, data[at:at + 8]
            at += 8
        elif kind == 2:
            length = varint()
            assert at + length <= len(data), "a field is longer than its message"
            yield tag >> 3, data[at:at + length]
            at += length
        else:
            raise AssertionError(f"wire type {kind}")


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def annotations(event):
    result = {}
    for number, value in event:
        if number == 4:
            entry = dict(fields(value))
            result[entry[10].decode()] = entry[6].decode() if 6 in entry else signed(entry[4])
    return result


def read(path):
    """Tracks by id: (name, parent, is a counter); slices: (track, name, from, to, details); counters."""
    tracks, slices, counters, packets = {}, [], [], []
    with open(path, "rb") as trace:
        for number, packet in fields(trace.read()):
            assert number == 1, "no TracePacket"
            packets.append(dict(fields(packet)))
    for packet in packets:
        assert packet[10] == 1, "a packet without its sequence"
        if 60 in packet:
            track = dict(fields(packet[60]))
            assert track[1] not in tracks, "a track twice"
            tracks[track[1]] = (track[2].decode(), track.get(5), 8 in track)
    # As trace_processor does: by time, and what has the same time in the order of the file.
    open_slices = {}
    for packet in sorted((p for p in packets if 11 in p), key=lambda p: p[8]):
        event = list(fields(packet[11]))
        simple = dict(event)
        track = simple[11]
        assert track in tracks, "an event on no track"
        if simple[9] == 1:
            assert track not in open_slices, f"slices overlap on {tracks[track][0]}"
            open_slices[track] = (simple[23].decode(), packet[8], annotations(event))
        elif simple[9] == 2:
            name, begin, details = open_slices.pop(track)
            slices.append((track, name, begin, packet[8], details))
        elif simple[9] == 4:
            assert tracks[track][2], "a value on a track that is no counter"
            counters.append((tracks[track][0], packet[8], struct.unpack("<d", simple[44])[0]))
        else:
            assert simple[9] == 3
            zero = packet[8]
    assert not open_slices, "a slice without an end"
    return tracks, slices, counters, zero


def main():
    tracks, slices, counters, zero = read(sys.argv[1])
    incident = sqlite3.connect(f"file:{sys.argv[2]}?mode=ro", uri=True)
    incident.row_factory = sqlite3.Row

    seen = {}
    for track, _, begin, end, details in slices:
        if "io_id" in details:
            place = tracks[tracks[track][1]][0]
            seen.setdefault(details["io_id"], {})[tracks[track][0]] = (
                begin - zero, end - zero, details, place)
    expected = 0
    for io in incident.execute("SELECT * FROM io WHERE total_ns IS NOT NULL"):
        at = io["reference_ns"] if io["reference_ns"] is not None else io["queued_at_ns"]
        if at is None:
            continue
        expected += 1
        own = seen[io["io_id"]]
        begin = at - (io["page_cache_ns"] or 0)
        assert own["io"][:2] == (begin, begin + io["total_ns"]), f"I/O {io['io_id']}: {own['io']}"
        assert f"guest {io['guest']}, disk {io['device']}" in own["io"][3]
        known = True
        for hop in HOPS:
            length = io[hop + "_ns"]
            if length is None:
                known = known and hop == "page_cache"
            if length is None or not known:
                assert hop not in own, f"I/O {io['io_id']}: {hop} is not known"
                continue
            assert own[hop][0] == begin and own[hop][2]["hop_ns"] == length
            assert own[hop][1] - own[hop][0] == max(0, length), f"I/O {io['io_id']}: {hop}"
            begin += length
    assert len(seen) == expected, f"{len(seen)} I/Os, {expected} expected"

    states = {"running": 0, "waiting": 0}
    for _, name, begin, end, details in slices:
        if "io_id" not in details:
            states[name] += end - begin
    vcpus = dict(incident.execute(
        "SELECT 'running', coalesce(sum(run_ns), 0) FROM thread_wait WHERE role = 'vcpu' UNION ALL "
        "SELECT 'waiting', coalesce(sum(wait_ns), 0) FROM thread_wait WHERE role = 'vcpu'"))
    for state, length in vcpus.items():
        # The clocks' drift stretches a slice by less than a nanosecond, which is rounded at both ends.
        assert abs(states[state] - length) <= 2 * len(slices) + length * 1e-3, (states, vcpus)

    depths = incident.execute("SELECT count(*), coalesce(sum(mean_depth), 0) FROM queue_depth").fetchone()
    own = [value for name, _, value in counters if ", depth of " in name]
    assert len(own) == depths[0] and abs(sum(own) - depths[1]) < 1e-6 * (1 + depths[1])
    print(f"ok: {expected} I/Os, {len(slices)} slices, {len(counters)} values, {len(tracks)} tracks")


try:
    main()
except (AssertionError, KeyError) as fault:
    print(f"differs: {fault!r}")
    sys.exit(1)
