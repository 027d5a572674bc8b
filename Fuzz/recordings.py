"""Short recordings of perf and trace-cmd, made here: what a fuzzer can change a byte of and still be understood."""
import struct

SWITCH = b"""name: sched_switch
ID: 372
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;
\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;
\tfield:long prev_state;\toffset:32;\tsize:8;\tsigned:1;
\tfield:char next_comm[16];\toffset:40;\tsize:16;\tsigned:0;
\tfield:pid_t next_pid;\toffset:56;\tsize:4;\tsigned:1;

print fmt: "%s%s", REC->prev_state & 255 ? __print_flags(REC->prev_state & 255, "|", { 1, "S" }, { 2, "D" }) : "R", \
REC->prev_state & 256 ? "+" : ""
"""
ISSUE = b"""name: block_rq_issue
ID: 373
format:
\tfield:dev_t dev;\toffset:8;\tsize:4;\tsigned:0;
\tfield:sector_t sector;\toffset:16;\tsize:8;\tsigned:0;
\tfield:unsigned int nr_sector;\toffset:24;\tsize:4;\tsigned:0;
\tfield:unsigned int bytes;\toffset:28;\tsize:4;\tsigned:0;
\tfield:char rwbs[10];\toffset:34;\tsize:10;\tsigned:0;
\tfield:char comm[16];\toffset:44;\tsize:16;\tsigned:0;
\tfield:__data_loc char[] cmd;\toffset:60;\tsize:4;\tsigned:0;

print fmt: ""
"""
EXIT = b"""name: kvm_exit
ID: 374
format:
\tfield:unsigned int exit_reason;\toffset:8;\tsize:4;\tsigned:0;
\tfield:u32 isa;\toffset:12;\tsize:4;\tsigned:0;
\tfield:unsigned int vcpu_id;\toffset:16;\tsize:4;\tsigned:0;

print fmt: "%s", (REC->isa == 1) ? __print_symbolic(REC->exit_reason & 0xffff, { 12, "HLT" }) : \
__print_symbolic(REC->exit_reason, { 0x078, "hlt" })
"""
DIRTY = b"""name: writeback_dirty_folio
ID: 375
format:
\tfield:char name[32];\toffset:8;\tsize:32;\tsigned:0;
\tfield:ino_t ino;\toffset:40;\tsize:8;\tsigned:0;
\tfield:unsigned long index;\toffset:48;\tsize:8;\tsigned:0;

print fmt: ""
"""
FORMATS = (SWITCH, ISSUE, EXIT, DIRTY)


class Writer:
    """Numbers in a byte order."""

    def __init__(self, order):
        self.order = order

    def __call__(self, letters, *values):
        return struct.pack(self.order + letters, *values)

    def tracing(self, version=b"0.6"):
        """The head of trace-cmd with all formats; version 6 goes on behind it."""
        page = b"\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n" \
            b"\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n" \
            b"\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n"
        data = b"\x17\x08\x44tracing" + version + b"\0" + bytes([self.order == ">", 8]) + self("I", 256)
        data += b"header_page\0" + self("Q", len(page)) + page + b"header_event\0" + self("Q", 0)
        data += self.formats(("I", 0))
        return data + self("IIQ", 0, 0, 6) + b"7 fio\n"

    def formats(self, ftrace=None):
        data = self(*ftrace) if ftrace else b""
        data += self("I", 1) + b"all\0" + self("I", len(FORMATS))
        for text in FORMATS:
            data += self("Q", len(text)) + text
        return data

    def raws(self):
        """Fields of one record of each, and two switches."""
        switch = lambda one, two, state: self("HHI", 372, 0, one) + b"a\0".ljust(16, b"x") + self(
            "IIq", one, 120, state) + b"fio".ljust(16, b"\0") + self("II", two, 120)
        issue = self("HHIIIQIIH", 373, 0, 7, 254 << 20, 0, 4096, 8, 4096, 0) + b"WS".ljust(10, b"\0") + b"fio".ljust(
            16, b"\0") + self("I", 64 | 1 << 16) + b"\0\0\0\0"
        leave = self("HHIIII", 374, 0, 7, 0x78, 2, 0)
        dirty = self("HHI", 375, 0, 7) + b"254:0".ljust(32, b"\0") + self("QQ", 12, 3)
        return [switch(0, 7, 0), issue, leave, dirty, switch(7, 8, 256), switch(8, 0, 1)]


def perf(order, pipe):
    write = Writer(order)
    parts = 1 | 2 | 4 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 16
    record = lambda kind, body, misc=0: write("IHH", kind, misc, 8 + len(body)) + body
    flags = bytes([0, 0, 0x20, 0x40, 0, 0, 0, 0]) if order == ">" else bytes([0, 0, 4, 2, 0, 0, 0, 0])
    attributes = [(write("IIQQQQ", 2, 112, event, 1, parts, 0) + flags).ljust(92, b"\0") + write("I", 1)
                  + b"\0" * 16 for event in range(372, 376)]
    data = record(3, write("II", 7, 7) + b"fio".ljust(8, b"\0"))
    for number, raw in enumerate(write.raws()):
        identity = struct.unpack_from(order + "H", raw)[0] - 371
        raw += b"\0" * (-(len(raw) + 4) % 8)
        data += record(9, write("QQIIQIIQI", identity, 1, 7, 7, 1000 + 100 * number, 0, 0, 1, len(raw)) + raw)
    trailer = write("IIQIIQ", 7, 7, 1700, 0, 0, 1)
    data += record(2, write("QQ", 1, 3) + trailer) + record(13, write("Q", 3) + trailer) + record(68, b"")
    index = record(69, write("Q", 1) + write("QQQQ", 1, 0, 0, 0))
    index += record(79, write("QQQ", 31, 1 << 30, 500))
    clock = write("IIQQ", 1, 1, 1700000000000000000, 400)
    text = lambda words: write("I", 64) + words.ljust(64, b"\0")
    siblings = write("I", 1) + text(b"0-1")
    topology = [(7, write("II", 2, 2)), (13, siblings + siblings + write("IIii", 0, 0, 1, -1)),
                (14, write("IIQQ", 1, 0, 4096, 1024) + text(b"0-1"))]
    formats = write.tracing()
    magic = b"PERFILE2" if order == "<" else b"2ELIFREP"
    if pipe:
        out = magic + write("Q", 16)
        for number, attribute in enumerate(attributes):
            out += record(64, attribute + write("Q", number + 1))
        for bit, body in topology + [(29, clock)]:
            out += record(80, write("Q", bit) + body)
        formats += b"\0" * (-len(formats) % 8)
        return out + record(66, write("I", len(formats))) + formats + index + data
    ids = b"".join(write("Q", number + 1) for number in range(4))
    table = b"".join(attribute + write("QQ", 104 + 8 * number, 8) for number, attribute in enumerate(attributes))
    data = index + data
    at = 104 + len(ids)
    out = magic + write("QQQQQQQQ", 104, 128, at, len(table), at + len(table), len(data), 0, 0)
    features = [(1, formats)] + topology + [(29, clock)]
    out += write("QQQQ", sum(1 << bit for bit, _ in features), 0, 0, 0) + ids + table + data
    place = len(out) + 16 * len(features)
    for _, body in features:
        out += write("QQ", place, len(body))
        place += len(body)
    return out + b"".join(body for _, body in features)


def compressed():
    """The same in records of kind 81: zstd, here as raw blocks."""
    plain = perf("<", True)
    at = plain.index(b"fio".ljust(8, b"\0")) - 16
    tail = plain[at:]
    # A frame without size and checksum, one raw block that is not the last.
    frame = b"\x28\xb5\x2f\xfd\x00\x58" + struct.pack("<I", len(tail) << 3)[:3] + tail
    return plain[:at] + struct.pack("<IHH", 81, 0, 8 + len(frame)) + frame


def trace(order, version, measured=False):
    """`measured`: the relation of the clocks, of cycles."""
    write = Writer(order)
    page = b""
    for number, raw in enumerate(write.raws()):
        raw += b"\0" * (-len(raw) % 4)
        kind = len(raw) // 4
        delta = 100
        if kind <= 28:
            page += write("I", kind << 27 | delta if order == ">" else delta << 5 | kind) + raw
        else:
            page += write("II", delta if order == ">" else delta << 5, len(raw) + 4) + raw
    page += write("I", 30 << 27 | 5 if order == ">" else 5 << 5 | 30) + write("I", 1)
    size = 1024
    pages = (write("QQ", 1000, len(page) | 1 << 31 | 1 << 30) + page + write("Q", 9)).ljust(size, b"\0")
    clock = b"local [x86-tsc]\0" if measured else b"local [mono]\0"
    shift = write("QII", 5, int(measured), 1) + write("I", 2) + write("qqqqqq", 0, 10 ** 6, 40, 50, 1, 1) + write("qq", 0, 0)
    guest = b"vm1\0" + write("QIIi", 5, 1, 0, 4711)
    options = [(4, clock), (5, b"Linux host1 6.18 x86_64\0"), (8, write("I", 1)), (11, write("Q", 5)), (12, shift),
               (13, guest), (14, write("IIQ", 1 << 31, 31, 0)), (2, b"CPU: 0\noverrun: 3\n")]
    if version == 6:
        head = write.tracing(b"6").replace(write("I", 256), write("I", size), 1)
        head += write("I", 1) + b"options  \0"
        for number, body in options:
            head += write("HI", number, len(body)) + body
        head += write("H", 0) + b"flyrecord\0"
        at = len(head) + 16
        return head + write("QQ", at, size) + pages
    head = b"\x17\x08\x44tracing7\0" + bytes([order == ">", 8]) + write("I", size) + b"none\0\0"
    at = len(head) + 8
    section = lambda number, body: write("HHIQ", number, 0, 0, len(body)) + body
    whole = write.tracing(b"6")
    page_head = whole[whole.index(b"header_page\0"):whole.index(b"header_event\0")]
    places = {}
    body = b""
    for number, part in ((16, page_head + b"header_event\0" + write("Q", 0)), (18, write.formats()),
                         (21, write("Q", 6) + b"7 fio\n"), (3, pages)):
        places[number] = at + len(body)
        body += section(number, part)
    for number in (16, 18, 21):
        options.append((number, write("Q", places[number])))
    buffer = write("Q", places[3]) + b"\0local\0" + write("III", size, 1, 0) + write("QQ", places[3] + 16, size)
    options.append((3, buffer))
    table = b"".join(write("HI", number, len(part)) + part for number, part in options)
    table += write("HIQ", 0, 8, 0)
    return head + write("Q", at + len(body)) + body + section(0, table)


def seeds(family):
    """Inputs of a family; none for those that read text."""
    if family == "perf-data":
        return [perf("<", False), perf(">", False), perf("<", True), perf(">", True), compressed()]
    if family == "trace-dat":
        return [trace("<", 6), trace(">", 6), trace("<", 7), trace(">", 7), trace("<", 7, measured=True)]
    return []
