"""Ways in which the files of a capture get damaged; each keeps most of what it is given.

A capture is a dictionary from a path (`host-a/blkparse.txt`) to bytes. A mutation changes it in place with
the given source of randomness and says in a few words what it did.
"""
import gzip
import re

# 8,0    3        1     0.000000000   697  G   W 223490 + 8 [kjournald]
BLKPARSE = re.compile(rb"^(\s*\d+,\d+\s+\d+\s+)(\d+)(\s+)(\d+)\.(\d{9})(?=\s+\d+\s)")
# perf 23219 [002] 5200.460331: sched:sched_switch: prev_comm=...; trace-cmd and ftrace alike, with or without flags
TRACEPOINT = re.compile(rb"^(.{1,60}?\s\[\d{3}\]\s+(?:\S{4,5}\s+)?)()()(\d+)\.(\d{6,9})(?=:\s)")
NUMBER = re.compile(rb"(?<![\w.])\d+(?![\w.])")
EXTREMES = [b"0", b"-1", b"1", b"65535", b"65536", b"2147483647", b"2147483648", b"4294967295", b"4294967296",
            b"9007199254740993", b"9223372036854775807", b"9223372036854775808", b"18446744073709551615",
            b"99999999999999999999999999", b"1e308", b"nan", b"0x7fffffffffffffff", b""]
NAMES = [b"<script>x</script>", b"a\x1b[2J", b"]", b"[x] 0", b"' OR 1=1 --", b"\xff\xfe\x00", b"CPU 0/KVM", b"`id`",
         b"%s%n", b"| # *", "\u202e\u2066".encode(), b"swapper/0", b"a, b\"c\r", b"$(id)"]


def a_file(capture, source):
    """One of the files, large ones more often: in them are the events."""
    paths = sorted(capture)
    return source.choices(paths, [1 + len(capture[path]) ** 0.5 for path in paths])[0]


def a_stretch(length, source):
    """A stretch of a list or of bytes, short ones more often."""
    size = min(length, int(length ** source.uniform(0, 1)))
    begin = source.randint(0, length - size)
    return begin, begin + size


def of_lines(change):
    """A mutation of the lines of one file."""
    def mutation(capture, source):
        path = a_file(capture, source)
        lines = capture[path].splitlines(keepends=True)
        if not lines:
            return "nothing in an empty %s" % path
        said = change(lines, source)
        capture[path] = b"".join(lines)
        return "%s: %s" % (path, said)
    mutation.__name__ = change.__name__
    return mutation


def of_times(change):
    """A mutation of the times of one file's events from some line on: `change` gets ns and returns ns."""
    def mutation(capture, source):
        path = a_file(capture, source)
        lines = capture[path].splitlines(keepends=True)
        begin, end = a_stretch(len(lines), source)
        if source.random() < 0.5:
            end = len(lines)
        new, said = change(source)

        def rewritten(match):
            digits = len(match[5])
            at = new(int(match[4]) * 10 ** 9 + int(match[5].ljust(9, b"0")))
            whole, rest = divmod(abs(at), 10 ** 9)
            return b"".join(match.group(1, 2, 3)) + b"%s%d.%s" % (
                b"-" if at < 0 else b"", whole, (b"%09d" % rest)[:digits])

        for number in range(begin, end):
            line, count = BLKPARSE.subn(rewritten, lines[number], 1)
            lines[number] = line if count else TRACEPOINT.sub(rewritten, lines[number], 1)
        capture[path] = b"".join(lines)
        return "%s: %s in lines %d to %d" % (path, said, begin + 1, end)
    mutation.__name__ = change.__name__
    return mutation


def cut_bytes(capture, source):
    path = a_file(capture, source)
    data = capture[path]
    begin, end = a_stretch(len(data), source)
    kind = source.randrange(3)
    if kind == 0:
        end = len(data)
    elif kind == 1:
        begin = 0
    capture[path] = data[:begin] + data[end:]
    return "%s: bytes %d to %d are cut out" % (path, begin, end)


def flip_bits(capture, source):
    path = a_file(capture, source)
    data = bytearray(capture[path])
    count = int(2 ** source.uniform(0, 10))
    for _ in range(count if data else 0):
        data[source.randrange(len(data))] ^= 1 << source.randrange(8)
    capture[path] = bytes(data)
    return "%s: %d bits are flipped" % (path, count)


def extreme_words(capture, source):
    """Writes numbers at the edge into a binary file: lengths, offsets, counts, times."""
    binary = [path for path in sorted(capture) if b"\0" in capture[path][:64]]
    if not binary:
        return flip_bits(capture, source)
    path = source.choice(binary)
    data = bytearray(capture[path])
    count = int(2 ** source.uniform(0, 6))
    for _ in range(count):
        size = source.choice((1, 2, 4, 8))
        at = source.randrange(max(1, len(data) - size)) // size * size
        value = source.choice((0, 1, 7, 8, (1 << 8 * size) - 1, 1 << 8 * size - 1, (1 << 8 * size - 1) - 1,
                               source.getrandbits(8 * size), len(data) & (1 << 8 * size) - 1))
        data[at:at + size] = value.to_bytes(size, source.choice(("little", "big")))
    capture[path] = bytes(data)
    return "%s: %d words are at the edge" % (path, count)


def splice(capture, source):
    path, other = a_file(capture, source), a_file(capture, source)
    begin, end = a_stretch(len(capture[other]), source)
    at = source.randint(0, len(capture[path]))
    capture[path] = capture[path][:at] + capture[other][begin:end] + capture[path][at:]
    return "%s: bytes %d to %d of %s at %d" % (path, begin, end, other, at)


@of_lines
def cut_lines(lines, source):
    begin, end = a_stretch(len(lines), source)
    del lines[begin:end]
    return "lines %d to %d are cut out" % (begin + 1, end)


@of_lines
def thin_out(lines, source):
    share = 10 ** source.uniform(-3, -0.3)
    lines[:] = [line for line in lines if source.random() >= share]
    return "%.2g of the lines are lost" % share


@of_lines
def duplicate_lines(lines, source):
    begin, end = a_stretch(len(lines), source)
    times = source.choice((1, 1, 2, 5))
    at = end if source.random() < 0.5 else source.randint(0, len(lines))
    lines[at:at] = lines[begin:end] * times
    return "lines %d to %d come %d times more at %d" % (begin + 1, end, times, at + 1)


@of_lines
def reorder(lines, source):
    begin, end = a_stretch(len(lines), source)
    piece = lines[begin:end]
    kind = source.randrange(4)
    if kind == 0:
        source.shuffle(piece)
    elif kind == 1:
        piece.reverse()
    elif kind == 2:
        piece = sorted(piece)
    else:
        # Only a little: what a merge of several CPUs does.
        piece = [line for _, line in sorted((n + source.uniform(0, 20), line) for n, line in enumerate(piece))]
    lines[begin:end] = piece
    return "lines %d to %d are %s" % (begin + 1, end, ("shuffled", "reversed", "sorted", "a little mixed")[kind])


@of_lines
def odd_ends(lines, source):
    end = source.choice((b"\r\n", b"\0\n", b"\n\n", b" \t\n", b"", b"\n" + b"\0" * 100))
    share = source.choice((1, 0.01))
    lines[:] = [line.rstrip(b"\r\n") + end if source.random() < share else line for line in lines]
    return "lines end with %r" % end


@of_lines
def extreme_numbers(lines, source):
    count = int(2 ** source.uniform(0, 8))
    for _ in range(count):
        at = source.randrange(len(lines))
        places = list(NUMBER.finditer(lines[at]))
        if places:
            begin, end = source.choice(places).span()
            lines[at] = lines[at][:begin] + source.choice(EXTREMES) + lines[at][end:]
    return "%d numbers are extreme" % count


@of_lines
def hostile_names(lines, source):
    name = source.choice(NAMES)
    share = source.choice((1, 0.1, 0.001))

    def renamed(line):
        line = re.sub(rb"\[[^\[\]]*\](?=\r?\n?$)", lambda _: b"[" + name + b"]", line)
        return re.sub(rb"comm=\S+", lambda _: b"comm=" + name, line)
    lines[:] = [renamed(line) if source.random() < share else line for line in lines]
    return "tasks are called %r" % name


@of_times
def jump(source):
    by = int(10 ** source.uniform(2, 19.2)) * source.choice((1, -1))
    return (lambda at: at + by), "the clock jumps by %d ns" % by


@of_times
def drift(source):
    by = 10 ** source.uniform(-7, -1) * source.choice((1, -1))
    return (lambda at: int(at * (1 + by))), "the clock drifts by %.3g" % by


@of_times
def stop(source):
    at = source.choice((0, 1, 2 ** 62, 2 ** 63 - 1, 10 ** 9, 123456789))
    return (lambda _: at), "the clock stands at %d" % at


@of_times
def coarse(source):
    step = 10 ** source.randint(3, 9)
    return (lambda at: at - at % step), "the clock has steps of %d ns" % step


def remove_file(capture, source):
    if len(capture) == 1:
        return "the only file stays"
    path = source.choice(sorted(capture))
    del capture[path]
    return "%s is missing" % path


def copy_file(capture, source):
    path = a_file(capture, source)
    machine = source.choice(sorted({path.split("/")[0] for path in capture}) + ["guest-other", "host-other"])
    to = "%s/copy-%d-%s" % (machine, source.randrange(100), path.split("/")[-1])
    capture[to] = capture[path]
    return "%s is also %s" % (path, to)


def swap_files(capture, source):
    one, other = a_file(capture, source), a_file(capture, source)
    capture[one], capture[other] = capture[other], capture[one]
    return "%s and %s are swapped" % (one, other)


def twin(capture, source):
    """A second guest with the same disk."""
    guests = sorted({path.split("/")[0] for path in capture if path.startswith("guest")})
    if not guests:
        return "no guest to copy"
    guest = source.choice(guests)
    for path in [path for path in capture if path.startswith(guest + "/")]:
        capture[path.replace(guest, "guest-twin", 1)] = capture[path]
    return "guest-twin is %s again" % guest


def other_layer(capture, source):
    """Guests become hosts and hosts become guests."""
    before = dict(capture)
    capture.clear()
    for path, data in before.items():
        machine, rest = path.split("/", 1)
        layer, name = (machine.split("-", 1) + ["m"])[:2]
        capture["%s-%s/%s" % ("host" if layer == "guest" else "guest", name, rest)] = data
    return "guest and host are swapped"


def pack(capture, source):
    path = a_file(capture, source)
    data = gzip.compress(capture.pop(path), 1, mtime=0)
    if source.random() < 0.5:
        data = data[:source.randint(0, len(data))]
    capture[path + ".gz"] = data
    return "%s is packed, %d bytes of it are left" % (path, len(data))


MUTATIONS = [
    cut_bytes, cut_lines, thin_out, splice, duplicate_lines, copy_file, reorder, flip_bits, extreme_words, jump, drift, stop, coarse,
    odd_ends, extreme_numbers, hostile_names, remove_file, swap_files, twin, other_layer, pack,
]


def mutate(capture, source):
    """Changes a capture one to four times; returns what was done."""
    done = []
    for _ in range(source.choice((1, 1, 2, 2, 3, 4))):
        mutation = source.choice(MUTATIONS)
        done.append("%s(%s)" % (mutation.__name__, mutation(capture, source)))
    return done
