// Block traces of a guest and its host, for measuring: as blkparse prints them, and as blktrace writes them.
//
// usage: blocks IOS FOLDER [--binary] [--seed N]
//
// Writes FOLDER/guest.txt and FOLDER/host.txt, with --binary FOLDER/{guest,host}.blktrace.N instead. A million I/Os are some
// 10 million lines, in a few seconds and little memory. One disk of 64 GiB lies in one piece on the host's device, beside
// that of somebody else. The guest's clock runs 30 ppm slower than the host's. Its load comes in bursts that fill its ring
// and the device; one request in 20 carries two bios, and one in 200 is a flush. The same seed makes the same bytes.
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CPUS = 4, RING = 128, DEPTH = 64, CHANNELS = 8 };

static const uint64_t DISK = 134217728, PLACE = 41945088, FOREIGN = 209717248;
static const double SLOWER = 30e-6;
// Of the host's clock, ns: the guest's trace begins before the host's does.
static const uint64_t HOST_BEGINS = 400000;

// MARK: Chance

static uint64_t state;

static uint64_t next(void) {
  state += 0x9e3779b97f4a7c15;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static double unit(void) { return (double)(next() >> 11) / 9007199254740992.0; }
static uint64_t below(uint64_t most) { return next() % most; }
static uint64_t about(double mean) { return (uint64_t)(-mean * log(1 - unit())); }

// MARK: Events

struct event {
  uint64_t at, number, sector;
  uint32_t bytes, pid;
  char action;
  // 0: read, 1: write, 2: the flush of a guest or of its host, 3: what the block layer makes of it.
  uint8_t kind, cpu;
};

static const char *const KINDS[] = {"R", "WS", "FWS", "FN"};
enum { FIO = 690, WORKER = 4021, KWORKER = 42, NEIGHBOUR = 5177 };

static const char *name(uint32_t pid) {
  switch (pid) {
  case FIO: return "fio";
  case WORKER: return "IO iothread0";
  case KWORKER: return "kworker/0:1H";
  case NEIGHBOUR: return "postgres";
  default: return "swapper/0";
  }
}

// What is still to be written of one machine, the earliest first; equal ones in the order in which they came.
struct machine {
  FILE *files[CPUS];
  bool is_guest, is_binary;
  uint32_t minor;
  uint32_t sequence[CPUS];
  struct event *heap;
  size_t count, capacity;
  uint64_t added, first;
};

static bool is_before(const struct event *a, const struct event *b) {
  return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static void add(struct machine *of, uint64_t at, char action, uint8_t kind, uint64_t sector, uint32_t bytes, uint8_t cpu,
                uint32_t pid) {
  if (of->count == of->capacity) {
    of->capacity = of->capacity ? 2 * of->capacity : 1 << 16;
    of->heap = realloc(of->heap, of->capacity * sizeof *of->heap);
    if (!of->heap) exit(2);
  }
  struct event event = {at, of->added++, sector, bytes, pid, action, kind, cpu};
  size_t place = of->count++;
  while (place > 0 && is_before(&event, &of->heap[(place - 1) / 2])) {
    of->heap[place] = of->heap[(place - 1) / 2];
    place = (place - 1) / 2;
  }
  of->heap[place] = event;
}

static struct event take(struct machine *of) {
  struct event first = of->heap[0], last = of->heap[--of->count];
  size_t place = 0;
  while (2 * place + 1 < of->count) {
    size_t child = 2 * place + 1;
    if (child + 1 < of->count && is_before(&of->heap[child + 1], &of->heap[child])) child++;
    if (!is_before(&of->heap[child], &last)) break;
    of->heap[place] = of->heap[child];
    place = child;
  }
  if (of->count) of->heap[place] = last;
  return first;
}

// MARK: Files

// Of blktrace_api.h.
struct record {
  uint32_t magic, sequence;
  uint64_t time, sector;
  uint32_t bytes, action, pid, device, cpu;
  uint16_t error, pdu_len;
};

static uint32_t binary_action(char action, uint8_t kind) {
  static const uint32_t kinds[] = {1u << 16, 1u << 17 | 1u << 19, 1u << 17 | 1u << 18 | 1u << 19, 1u << 18};
  switch (action) {
  case 'Q': return kinds[kind] | 1u << 20 | 1;
  case 'M': return kinds[kind] | 1u << 20 | 2;
  case 'G': return kinds[kind] | 1u << 20 | 4;
  case 'I': return kinds[kind] | 1u << 20 | 14;
  case 'D': return kinds[kind] | 1u << 22 | 7;
  default: return kinds[kind] | 1u << 23 | 8;
  }
}

static char *padded(char *to, uint64_t number, int width) {
  char digits[24];
  int count = 0;
  do digits[count++] = (char)('0' + number % 10); while (number /= 10);
  for (int blank = count; blank < width; blank++) *to++ = ' ';
  while (count) *to++ = digits[--count];
  return to;
}

static void write_record(struct machine *of, const struct event *event, uint64_t time) {
  struct record record = {0x65617407,   of->sequence[event->cpu],           time,       event->sector, event->bytes,
                          binary_action(event->action, event->kind), event->pid, 254u << 20 | of->minor, event->cpu, 0, 0};
  fwrite(&record, sizeof record, 1, of->files[event->cpu]);
}

static void write_line(struct machine *of, const struct event *event, uint64_t time) {
  char line[160], *to = line;
  to = padded(to, 254, 3);
  *to++ = ',';
  char *start = to;
  to = padded(to, of->minor, 1);
  while (to - start < 3) *to++ = ' ';
  *to++ = ' ';
  to = padded(to, event->cpu, 2);
  *to++ = ' ';
  to = padded(to, of->sequence[event->cpu], 8);
  *to++ = ' ';
  to = padded(to, time / 1000000000, 5);
  *to++ = '.';
  uint64_t part = time % 1000000000;
  for (int digit = 8; digit >= 0; digit--, part /= 10) to[digit] = (char)('0' + part % 10);
  to += 9;
  *to++ = ' ';
  to = padded(to, event->pid, 5);
  *to++ = ' ', *to++ = ' ', *to++ = event->action, *to++ = ' ';
  const char *kind = KINDS[event->kind];
  for (size_t blank = strlen(kind); blank < 3; blank++) *to++ = ' ';
  to = stpcpy(to, kind);
  *to++ = ' ';
  if (event->bytes) {
    to = padded(to, event->sector, 1);
    to = stpcpy(to, " + ");
    to = padded(to, event->bytes / 512, 1);
    *to++ = ' ';
  } else if (event->action == 'C') {
    to = stpcpy(to, "0 ");
  }
  *to++ = '[';
  to = stpcpy(to, event->action == 'C' ? "0" : name(event->pid));
  to = stpcpy(to, "]\n");
  fwrite(line, (size_t)(to - line), 1, of->files[0]);
}

// Writes what is earlier than a moment of the host's clock.
static void advance(struct machine *of, uint64_t until) {
  while (of->count && of->heap[0].at < until) {
    struct event event = take(of);
    if (!of->is_guest && event.at < HOST_BEGINS) continue;
    uint64_t time = of->is_guest ? (uint64_t)((double)event.at * (1 - SLOWER)) : event.at;
    if (of->first == UINT64_MAX) of->first = time;
    time -= of->first;
    of->sequence[event.cpu]++;
    if (of->is_binary) write_record(of, &event, time); else write_line(of, &event, time);
  }
}

static FILE *created(const char *folder, const char *machine, const char *suffix) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.%s", folder, machine, suffix);
  FILE *file = fopen(path, "wb");
  if (!file) {
    perror(path);
    exit(2);
  }
  setvbuf(file, NULL, _IOFBF, 1 << 20);
  return file;
}

static void start(struct machine *machine, const char *folder, const char *of, bool is_binary) {
  machine->is_guest = strcmp(of, "guest") == 0;
  machine->is_binary = is_binary;
  machine->minor = machine->is_guest ? 0 : 16;
  machine->first = UINT64_MAX;
  if (!is_binary) {
    machine->files[0] = created(folder, of, "txt");
    return;
  }
  for (int cpu = 0; cpu < CPUS; cpu++) {
    char suffix[32];
    snprintf(suffix, sizeof suffix, "blktrace.%d", cpu);
    machine->files[cpu] = created(folder, of, suffix);
  }
  static const uint32_t pids[] = {FIO, WORKER, KWORKER, NEIGHBOUR};
  for (int index = 0; index < 4; index++) {
    // BLK_TN_PROCESS: the name of a process.
    char text[16] = "";
    strncpy(text, name(pids[index]), 15);
    struct record record = {0x65617407, 0, 0, 0, 0, 1u << 26, pids[index], 254u << 20 | machine->minor, 0, 0, sizeof text};
    fwrite(&record, sizeof record, 1, machine->files[0]);
    fwrite(text, sizeof text, 1, machine->files[0]);
  }
  // BLK_TN_TIMESTAMP: the wall clock at the start.
  struct record record = {0x65617407, 0, 0, 0, 0, 1u << 26 | 1, 0, 254u << 20 | machine->minor, 0, 0, 8};
  const uint32_t wall[] = {1760000000, 0};
  fwrite(&record, sizeof record, 1, machine->files[0]);
  fwrite(wall, sizeof wall, 1, machine->files[0]);
}

static void finish(struct machine *machine) {
  advance(machine, UINT64_MAX);
  for (int cpu = 0; cpu < CPUS; cpu++)
    if (machine->files[cpu] && fclose(machine->files[cpu])) exit(2);
}

// MARK: The machines

// The host's device: so many requests at once, and so many of them served.
static uint64_t device_free[CHANNELS], device_done[DEPTH], device_turn;

static uint64_t most(uint64_t a, uint64_t b) { return a > b ? a : b; }

// A bio on the host from Q on; returns its C.
static uint64_t on_host(struct machine *host, uint64_t queued, uint8_t kind, uint64_t sector, uint32_t bytes, uint32_t pid) {
  uint8_t cpu = (uint8_t)below(CPUS);
  uint64_t at = queued;
  add(host, at, 'Q', kind, sector, bytes, cpu, pid);
  at += 250 + below(300);
  add(host, at, 'G', kind, sector, bytes, cpu, pid);
  at += 200 + below(400);
  if (kind != 2) add(host, at, 'I', kind, sector, bytes, cpu, pid);
  at = most(at + 300 + about(900), device_done[device_turn]);
  add(host, at, 'D', kind == 2 ? 3 : kind, sector, bytes, cpu, kind == 2 ? KWORKER : pid);
  int channel = 0;
  for (int other = 1; other < CHANNELS; other++)
    if (device_free[other] < device_free[channel]) channel = other;
  double mean = kind == 0 ? 70000 : kind == 1 ? 45000 : 250000;
  at = most(at, device_free[channel]) + 12000 + about(mean) + bytes / 2;
  device_free[channel] = at;
  device_done[device_turn] = at;
  device_turn = (device_turn + 1) % DEPTH;
  add(host, at, 'C', kind == 2 ? 3 : kind, sector, bytes, (uint8_t)below(CPUS), 0);
  return at;
}

int main(int count, char **arguments) {
  bool is_binary = false;
  state = 42;
  for (int index = 3; index < count; index++) {
    if (!strcmp(arguments[index], "--binary")) is_binary = true;
    else if (!strcmp(arguments[index], "--seed") && index + 1 < count) state = strtoull(arguments[++index], NULL, 10);
  }
  long ios = count > 2 ? atol(arguments[1]) : 0;
  if (ios <= 0) {
    fprintf(stderr, "usage: blocks IOS FOLDER [--binary] [--seed N]\n");
    return 2;
  }
  static struct machine guest, host;
  start(&guest, arguments[2], "guest", is_binary);
  start(&host, arguments[2], "host", is_binary);
  uint64_t ring[RING] = {0}, now = 1000, stream = 2048;
  for (long done = 0; done < ios; done++) {
    // A tenth of each second at eight times the rate.
    double pause = now % 1000000000 < 100000000 ? 11000 : 88000;
    now += 400 + about(pause);
    advance(&guest, now);
    advance(&host, now);
    uint8_t cpu = (uint8_t)below(CPUS);
    uint8_t kind = below(200) == 0 ? 2 : unit() < 0.6 ? 0 : 1;
    uint32_t bytes = kind == 2 ? 0 : 4096u << below(4);
    uint64_t sector = below(DISK / 8 - 64) * 8;
    // A quarter goes on where the one before ended, and some come back to a few blocks.
    double turn = unit();
    if (turn < 0.25) sector = stream; else if (turn < 0.30) sector = below(256) * 64;
    if (kind == 2) sector = 0;
    uint64_t at = now;
    add(&guest, at, 'Q', kind, sector, bytes, cpu, FIO);
    at += 300 + below(500);
    add(&guest, at, 'G', kind, sector, bytes, cpu, FIO);
    if (kind != 2 && below(20) == 0) {
      at += 500 + below(500);
      add(&guest, at, 'Q', kind, sector + bytes / 512, bytes, cpu, FIO);
      at += 200;
      add(&guest, at, 'M', kind, sector + bytes / 512, bytes, cpu, FIO);
      bytes *= 2;
      done++;
    }
    at += 300 + below(600);
    if (kind != 2) add(&guest, at, 'I', kind, sector, bytes, cpu, FIO);
    stream = sector + bytes / 512 < DISK - 256 ? sector + bytes / 512 : 2048;
    at = most(at + 500 + about(2500), ring[done % RING]);
    add(&guest, at, 'D', kind == 2 ? 3 : kind, sector, bytes, cpu, kind == 2 ? KWORKER : FIO);
    uint64_t queued = at + 6000 + about(9000);
    uint64_t back = on_host(&host, queued, kind, kind == 2 ? 0 : PLACE + sector, bytes, WORKER) + 5000 + about(7000);
    add(&guest, back, 'C', kind == 2 ? 3 : kind, sector, bytes, cpu, 0);
    ring[done % RING] = back;
    if (below(10) == 0) on_host(&host, queued + below(40000), (uint8_t)below(2), FOREIGN + below(1 << 22) * 8, 8192, NEIGHBOUR);
  }
  finish(&guest);
  finish(&host);
  return 0;
}
