-- The tables of an incident file. They are ours and may change with the schema version;
-- scripts read the views. All times are integer nanoseconds; NULL is "not observed".
--
-- This is where a column is declared: what else must know it (reading with checks, `redact`, views that pass it on)
-- takes it from here. Behind a column stands what its name and type leave open:
--   kept            words of ours, of the kernel or of a tool: nobody chose them
--   names: KIND     names of people's things, which `redact` replaces
--   taken out       text in which anything may stand and on which no number rests: `redact` takes it out
--   written anew    taken out by `redact`, and written by the rules from what the copy then holds
--   a duration, a sum, an operation, ...   which numbers it holds, where its name does not say so

CREATE TABLE machine (
  machine_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,  -- names: machines
  layer TEXT NOT NULL CHECK (layer IN ('guest', 'host'))  -- kept
) STRICT;

CREATE TABLE source_file (
  source_id INTEGER PRIMARY KEY,
  machine_id INTEGER NOT NULL REFERENCES machine,
  path TEXT NOT NULL,  -- names: files
  sha256 TEXT NOT NULL,  -- kept
  bytes INTEGER NOT NULL,
  format TEXT NOT NULL,  -- kept
  tool_clock TEXT NOT NULL,  -- kept
  resolution_ns INTEGER,
  start_ns INTEGER,
  start_clock TEXT,  -- kept
  monotonic_start_ns INTEGER,  -- a moment
  lines INTEGER NOT NULL,
  events INTEGER NOT NULL,
  skipped_lines INTEGER NOT NULL,
  lost_events INTEGER NOT NULL,
  first_ns INTEGER,
  last_ns INTEGER,
  duplicate_of INTEGER REFERENCES source_file,
  -- 1: refused as a whole; the row says so, and nothing of the file was used.
  refused INTEGER NOT NULL DEFAULT 0 CHECK (refused IN (0, 1)),
  UNIQUE (machine_id, sha256)
) STRICT;

-- What a file says about itself in its head.
CREATE TABLE source_header (
  source_id INTEGER NOT NULL REFERENCES source_file,
  name TEXT NOT NULL,  -- names: settings
  value TEXT NOT NULL  -- names: settings
) STRICT;

CREATE TABLE source_problem (
  source_id INTEGER NOT NULL REFERENCES source_file,
  line INTEGER,
  column INTEGER,
  kind TEXT NOT NULL,  -- kept
  severity TEXT NOT NULL CHECK (severity IN ('note', 'skipped', 'data_loss', 'refused')),  -- kept
  count INTEGER NOT NULL,
  excerpt TEXT,  -- taken out
  advice TEXT NOT NULL  -- kept
) STRICT;

-- A thread as traces name it: a pid may be used again by another program.
CREATE TABLE task (
  task_id INTEGER PRIMARY KEY,
  pid INTEGER NOT NULL,
  comm TEXT NOT NULL,  -- names: threads
  UNIQUE (pid, comm)
) STRICT;

-- A block device in one stretch of one source; times of two stretches do not compare.
CREATE TABLE block_stream (
  stream_id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES source_file,
  device TEXT NOT NULL,  -- names: devices
  segment INTEGER NOT NULL,
  UNIQUE (source_id, device, segment)
) STRICT;

-- One block request. at_ns is its Q, or the earliest stamp of one whose Q was not seen; the others
-- are ns from there (below zero across a step of the clock), which keeps a row small; what was not
-- seen is NULL. The key stands last: SQLite
-- takes rows from a SELECT as they are when their columns are the first of the table.
CREATE TABLE block_request (
  kind_id INTEGER NOT NULL,
  sector INTEGER,
  sectors INTEGER NOT NULL,
  at_ns INTEGER NOT NULL,
  got INTEGER,  -- a duration
  inserted INTEGER,  -- a duration
  issued INTEGER,  -- a duration
  completed INTEGER,  -- a duration
  line INTEGER NOT NULL,
  -- (CPU of D + 1) << 17 | (CPU of C + 1), 0 for one that was not seen
  cpus INTEGER NOT NULL,
  request_id INTEGER PRIMARY KEY
) STRICT;

-- What many requests have in common; written once, because each column of a row costs its time.
CREATE TABLE block_kind (
  kind_id INTEGER PRIMARY KEY,
  stream_id INTEGER NOT NULL,
  task_id INTEGER NOT NULL,
  rwbs INTEGER NOT NULL,
  traits INTEGER NOT NULL,
  error INTEGER NOT NULL,
  -- 1: at_ns is Q
  is_queued INTEGER NOT NULL
) STRICT;

-- The times that few requests have: of those that were given back, and around flushes.
CREATE TABLE block_detour (
  request_id INTEGER PRIMARY KEY,
  first_issued INTEGER,  -- a duration
  finished INTEGER,  -- a duration
  flush_issued INTEGER,  -- a duration
  flush_completed INTEGER  -- a duration
) STRICT;

-- A bio that was merged into a request which another bio had started.
CREATE TABLE merged_bio (
  request_id INTEGER NOT NULL,
  rwbs INTEGER NOT NULL,
  sector INTEGER NOT NULL,
  sectors INTEGER NOT NULL,
  queued_ns INTEGER,
  merged INTEGER,  -- a duration
  task_id INTEGER NOT NULL,
  line INTEGER NOT NULL,
  bio_id INTEGER PRIMARY KEY
) STRICT;

-- Holes in the numbering of one CPU's events.
CREATE TABLE block_loss (
  stream_id INTEGER NOT NULL,
  cpu INTEGER NOT NULL,
  events INTEGER NOT NULL,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL
) STRICT;

-- How far apart the addresses of two devices are, as remap lines say.
CREATE TABLE block_remap (
  stream_id INTEGER NOT NULL,
  from_device TEXT NOT NULL,  -- names: devices
  delta INTEGER NOT NULL,
  count INTEGER NOT NULL
) STRICT;

-- The session in which a recording was made, and what its clock counts. The numbers of sessions (hexadecimal) tie the
-- recordings of a guest and its host, whatever the files are called. ns = tsc_zero + (cycles * tsc_multiplier >> tsc_shift),
-- NULL where the times are no cycles of the processor. What was added to the times of the clock is in added_ns.
CREATE TABLE trace_session (
  source_id INTEGER PRIMARY KEY REFERENCES source_file,
  trace_id TEXT,  -- kept
  peer_trace_id TEXT,  -- kept
  protocol TEXT CHECK (protocol IN ('kvm', 'ptp')),  -- kept
  tsc_multiplier INTEGER,
  tsc_shift INTEGER,
  tsc_zero_ns INTEGER,  -- a moment
  added_ns INTEGER NOT NULL  -- a moment
) STRICT;

-- A guest that was recorded together with the host whose recording it is: what the host calls it, and its session.
CREATE TABLE session_guest (
  source_id INTEGER NOT NULL REFERENCES source_file,
  guest TEXT NOT NULL,  -- names: machines
  trace_id TEXT NOT NULL  -- kept
) STRICT;

-- What messages between a guest and its host measured of their clocks: a moment on both. host_ns is without what the
-- host's recording adds to its times.
CREATE TABLE session_moment (
  source_id INTEGER NOT NULL REFERENCES source_file,
  own_ns INTEGER NOT NULL,  -- a moment
  host_ns INTEGER NOT NULL  -- a moment
) STRICT;

-- Two clocks of one machine, tied by requests that both tools saw: other = own + offset_ns.
CREATE TABLE clock_tie (
  source_id INTEGER NOT NULL REFERENCES source_file,
  other_source_id INTEGER NOT NULL REFERENCES source_file,
  offset_ns INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (source_id, other_source_id)
) STRICT;

CREATE TABLE block_stage (
  stream_id INTEGER NOT NULL,
  stage TEXT NOT NULL,  -- kept
  count INTEGER NOT NULL,
  min_ns INTEGER NOT NULL,
  mean_ns REAL NOT NULL,
  p50_ns INTEGER NOT NULL,
  p99_ns INTEGER NOT NULL,
  max_ns INTEGER NOT NULL,
  PRIMARY KEY (stream_id, stage)
) STRICT;

-- A thread of one stretch of one source, with the sums over its slices. A tid that is used again
-- is another thread. tid 0: the idle task of a CPU.
CREATE TABLE sched_thread (
  thread_id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES source_file,
  segment INTEGER NOT NULL,
  tid INTEGER NOT NULL,
  pid INTEGER,
  comm TEXT NOT NULL,  -- names: threads
  run_ns INTEGER NOT NULL,  -- a sum
  runs INTEGER NOT NULL,
  wait_ns INTEGER NOT NULL,  -- a sum
  waits INTEGER NOT NULL,
  max_wait_ns INTEGER,
  p99_wait_ns INTEGER,
  kernel_wait_ns INTEGER,  -- a sum
  migrations INTEGER NOT NULL
) STRICT;

-- Stays of threads on CPUs, each with the wait for the CPU before it, some thousands in a row: as
-- columns of packed numbers (ColumnPacker says how; SliceChunks says which), in the order in which the
-- stays ended. They lie between from_ns and to_ns. What they add up to is in sched_thread.
CREATE TABLE thread_slice_chunk (
  chunk_id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES source_file,
  slices INTEGER NOT NULL,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;

-- The events themselves, where they are wanted (`ingest --keep-events`), some thousands in a row and packed as
-- the slices are (EventChunks says which columns), in the order of the file.
CREATE TABLE block_event_chunk (
  chunk_id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES source_file,
  segment INTEGER NOT NULL,
  events INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;
CREATE TABLE sched_event_chunk (
  chunk_id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES source_file,
  segment INTEGER NOT NULL,
  events INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;

-- What KVM's tracepoints tell of a virtual CPU: from entries to exits in guest_ns,
CREATE TABLE kvm_vcpu (
  kvm_vcpu_id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES source_file,
  tid INTEGER NOT NULL,
  vcpu INTEGER,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  guest_ns INTEGER NOT NULL,  -- a sum
  entries INTEGER NOT NULL
) STRICT;

-- and from exits to entries, by reason.
CREATE TABLE kvm_exit_sum (
  kvm_vcpu_id INTEGER NOT NULL,
  reason TEXT NOT NULL,  -- kept
  is_halt INTEGER NOT NULL CHECK (is_halt IN (0, 1)),
  count INTEGER NOT NULL,
  sum_ns INTEGER NOT NULL,  -- a sum
  min_ns INTEGER NOT NULL,
  max_ns INTEGER NOT NULL,
  PRIMARY KEY (kvm_vcpu_id, reason)
) STRICT;

-- A request of a virtio-blk disk inside QEMU, by QEMU's own trace. device is QEMU's address of the disk,
-- 0 where the text does not say.
CREATE TABLE qemu_block_request (
  qemu_request_id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES source_file,
  device INTEGER NOT NULL,
  -- 0 read, 1 write, 2 other
  op INTEGER NOT NULL CHECK (op IN (0, 1, 2)),
  sector INTEGER,
  sectors INTEGER,
  popped_ns INTEGER,
  handled_ns INTEGER,
  submitted_ns INTEGER,
  done_ns INTEGER,
  completed_ns INTEGER,
  returned_ns INTEGER,
  merged INTEGER NOT NULL,
  result INTEGER,
  status INTEGER,
  tid INTEGER,
  line INTEGER NOT NULL
) STRICT;

-- The times of all of them in a part of QEMU.
CREATE TABLE qemu_stage_sum (
  source_id INTEGER NOT NULL REFERENCES source_file,
  device INTEGER NOT NULL,
  op TEXT NOT NULL CHECK (op IN ('read', 'write', 'other')),  -- kept
  stage TEXT NOT NULL,  -- kept
  count INTEGER NOT NULL,
  min_ns INTEGER NOT NULL,
  mean_ns REAL NOT NULL,
  p50_ns INTEGER NOT NULL,
  p99_ns INTEGER NOT NULL,
  max_ns INTEGER NOT NULL,
  PRIMARY KEY (source_id, device, op, stage)
) STRICT;

-- What `perf sched latency` printed.
CREATE TABLE sched_latency_row (
  source_id INTEGER NOT NULL REFERENCES source_file,
  comm TEXT NOT NULL,  -- names: threads
  tid INTEGER,
  threads INTEGER NOT NULL,
  run_ns INTEGER NOT NULL,  -- a sum
  switches INTEGER NOT NULL,
  mean_delay_ns INTEGER,
  max_delay_ns INTEGER,
  max_from_ns INTEGER,  -- a moment
  max_to_ns INTEGER,  -- a moment
  line INTEGER NOT NULL
) STRICT;

-- A thing that a tool counts on: a memory node, an interface, a queue, a disk, a CPU. The same thing
-- is another row for each tool, since tools count differently.
CREATE TABLE counter_object (
  object_id INTEGER PRIMARY KEY,
  machine_id INTEGER NOT NULL REFERENCES machine,
  tool TEXT NOT NULL,  -- kept
  kind TEXT NOT NULL,  -- kept
  name TEXT NOT NULL,  -- names: devices
  -- The virtual machine that it belongs to, where the tool says so.
  owner TEXT,  -- names: machines
  -- What of its owner, or which disk of the host, it is.
  part TEXT,  -- names: devices
  UNIQUE (machine_id, tool, kind, name)
) STRICT;

-- A column or row of tools' tables. 'total' grows since boot, 'level' is how much there is; 'rate', 'share' and 'mean' are
-- of the interval that ends at the moment, 'since_boot' one of these over all time. Values are scale times what was printed.
CREATE TABLE counter (
  counter_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,  -- kept
  unit TEXT NOT NULL,  -- kept
  nature TEXT NOT NULL CHECK (nature IN ('total', 'level', 'rate', 'share', 'mean', 'since_boot')),  -- kept
  scale INTEGER NOT NULL CHECK (scale IN (1, 100)),
  UNIQUE (name, unit, nature, scale)
) STRICT;

-- A moment at which a tool of a source read its counters. wall_ns is since 1970 in UTC where
-- utc_offset_s is known; where it is NULL, it is the local reading counted as if it were UTC.
CREATE TABLE counter_moment (
  moment_id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES source_file,
  ordinal INTEGER NOT NULL,
  wall_ns INTEGER,
  utc_offset_s INTEGER,
  line INTEGER NOT NULL
) STRICT;

-- Values as they were read, wraps and resets included.
CREATE TABLE counter_sample (
  moment_id INTEGER NOT NULL,
  object_id INTEGER NOT NULL,
  counter_id INTEGER NOT NULL,
  value INTEGER NOT NULL,
  sample_id INTEGER PRIMARY KEY
) STRICT;

-- Rows of vmstat's default table, as printed. run counts the vmstat processes of the source;
-- run_wall_ns is the date before the run.
CREATE TABLE vmstat_sample (
  source_id INTEGER NOT NULL REFERENCES source_file,
  ordinal INTEGER NOT NULL,
  run INTEGER NOT NULL,
  since_boot INTEGER NOT NULL,
  wall_ns INTEGER,
  utc_offset_s INTEGER,
  run_wall_ns INTEGER,  -- a moment
  line INTEGER NOT NULL,
  -- Tasks running or waiting for a CPU.
  r INTEGER,
  -- Tasks in uninterruptible sleep.
  b INTEGER,
  -- Swapped out tasks (procps 2 only).
  w INTEGER,
  -- Memory swapped out, as printed: KiB unless vmstat -S was used.
  swpd INTEGER,
  -- Free memory, as printed: KiB unless vmstat -S was used.
  free INTEGER,
  -- Buffers, as printed: KiB unless vmstat -S was used; NULL with -a.
  buff INTEGER,
  -- Page cache, as printed: KiB unless vmstat -S was used; NULL with -a.
  cache INTEGER,
  -- Inactive memory, as printed: KiB unless vmstat -S was used; NULL without -a.
  inact INTEGER,
  -- Active memory, as printed: KiB unless vmstat -S was used; NULL without -a.
  active INTEGER,
  -- Swapped in per second, as printed: KiB unless vmstat -S was used.
  si INTEGER,
  -- Swapped out per second, as printed: KiB unless vmstat -S was used.
  so INTEGER,
  -- KiB read from block devices per second.
  bi INTEGER,
  -- KiB written to block devices per second.
  bo INTEGER,
  -- Interrupts per second.
  "in" INTEGER,
  -- Context switches per second.
  cs INTEGER,
  -- Percent of CPU time in user code; includes guests in versions without gu.
  us INTEGER,
  -- Percent of CPU time in the kernel.
  sy INTEGER,
  -- Percent of CPU time idle.
  id INTEGER,
  -- Percent of CPU time waiting for I/O.
  wa INTEGER,
  -- Percent of CPU time stolen by the host.
  st INTEGER,
  -- Percent of CPU time running guests; NULL in versions without the column.
  gu INTEGER
) STRICT;

-- Where a CPU is, as lscpu -p and numactl -H say.
CREATE TABLE cpu_topology (
  source_id INTEGER NOT NULL REFERENCES source_file,
  cpu INTEGER NOT NULL,
  core INTEGER,
  socket INTEGER,
  node INTEGER,
  line INTEGER NOT NULL
) STRICT;

-- A memory node's size and free memory in bytes, and its distance to another (10 is local).
CREATE TABLE node_topology (
  source_id INTEGER NOT NULL REFERENCES source_file,
  node INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('size', 'free', 'distance')),  -- kept
  other_node INTEGER,
  value INTEGER NOT NULL,
  line INTEGER NOT NULL
) STRICT;

-- A thread that ps or QEMU's monitor names. guest is what the file calls the guest; NULL when it does
-- not say. vcpu is the number of a virtual CPU, name the id of an iothread, cpu where it last ran.
CREATE TABLE thread_role (
  source_id INTEGER NOT NULL REFERENCES source_file,
  tid INTEGER NOT NULL,
  pid INTEGER,
  ppid INTEGER,
  comm TEXT,  -- names: threads
  role TEXT CHECK (role IN ('vcpu', 'iothread', 'vhost', 'emulator')),  -- kept
  vcpu INTEGER,
  name TEXT,  -- names: threads
  guest TEXT,  -- names: machines
  cpu INTEGER,
  line INTEGER NOT NULL
) STRICT;

-- A disk, partition or mapped device; one row per parent. start_sector is on the parent (512 bytes), file
-- is what a loop device shows.
CREATE TABLE disk_topology (
  source_id INTEGER NOT NULL REFERENCES source_file,
  name TEXT NOT NULL,  -- names: devices
  device TEXT,  -- names: devices
  parent TEXT,  -- names: devices
  start_sector INTEGER,
  bytes INTEGER,
  type TEXT,  -- names: settings
  file TEXT,  -- names: files
  line INTEGER NOT NULL
) STRICT;

-- A guest's disk as its hypervisor names it.
CREATE TABLE guest_drive (
  source_id INTEGER NOT NULL REFERENCES source_file,
  guest TEXT,  -- names: machines
  device TEXT,  -- names: devices
  node TEXT,  -- names: devices
  qdev TEXT,  -- names: devices
  driver TEXT,  -- names: settings
  file TEXT,  -- names: files
  bytes INTEGER,
  line INTEGER NOT NULL
) STRICT;

-- A piece of a file, image or device and where it lies below, in bytes. target_start is NULL for holes;
-- target is NULL where the text does not name it (filefrag: the device of the file system).
CREATE TABLE given_extent (
  source_id INTEGER NOT NULL REFERENCES source_file,
  tool TEXT NOT NULL,  -- kept
  object TEXT,  -- names: files
  start INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  target TEXT,  -- names: files
  target_start INTEGER,
  detail TEXT NOT NULL,  -- names: settings
  line INTEGER NOT NULL
) STRICT;

-- A name and its value: 'queue' settings of a disk, 'qemu' options of a guest's command line, 'link' facts
-- of an interface (its hardware address, the bridge it is a port of), 'clock' readings (object: which), a 'limit' on
-- a disk's I/O (iops, iops_rd, iops_wr, bps, bps_rd, bps_wr, and _max for bursts) or on CPUs (cpu_quota: CPUs), the 'affinity'
-- of a thread (object: its id): the CPUs that it may use.
-- 'esxi' facts of a VM: its group, leader world, virtual CPUs and controllers.
CREATE TABLE setting (
  source_id INTEGER NOT NULL REFERENCES source_file,
  kind TEXT NOT NULL CHECK (kind IN ('queue', 'qemu', 'link', 'clock', 'limit', 'affinity', 'esxi')),  -- kept
  object TEXT NOT NULL,  -- names: devices
  name TEXT NOT NULL,  -- names: settings
  value TEXT NOT NULL,  -- names: settings
  line INTEGER NOT NULL
) STRICT;

-- What an incident.yaml says: how a machine calls a device,
CREATE TABLE given_device (
  path TEXT NOT NULL,  -- names: files
  line INTEGER NOT NULL,
  machine TEXT NOT NULL,  -- names: machines
  name TEXT NOT NULL,  -- names: devices
  device TEXT NOT NULL,  -- names: devices
  PRIMARY KEY (machine, name)
) STRICT;

-- where a guest's disk lies on a device of the host (sectors is NULL for the whole disk),
CREATE TABLE given_mapping (
  path TEXT NOT NULL,  -- names: files
  line INTEGER NOT NULL,
  guest TEXT NOT NULL,  -- names: machines
  guest_device TEXT NOT NULL,  -- names: devices
  host TEXT NOT NULL,  -- names: machines
  host_device TEXT NOT NULL,  -- names: devices
  guest_sector INTEGER NOT NULL,
  host_sector INTEGER NOT NULL,
  sectors INTEGER,
  PRIMARY KEY (guest, guest_device, guest_sector)
) STRICT;

-- and how two clocks relate: reference = own + offset_ns + drift_ppm * 1e-6 * own.
CREATE TABLE given_clock (
  path TEXT NOT NULL,  -- names: files
  line INTEGER NOT NULL,
  machine TEXT NOT NULL,  -- names: machines
  tool_clock TEXT NOT NULL,  -- names: settings
  reference TEXT NOT NULL,  -- names: machines
  reference_tool_clock TEXT NOT NULL,  -- names: settings
  offset_ns INTEGER NOT NULL,
  drift_ppm REAL NOT NULL,
  error_ns INTEGER,
  PRIMARY KEY (machine, tool_clock)
) STRICT;

-- When users complained: FROM..TO as it is written, either of which may be left out; read when clocks and dates are known.
CREATE TABLE given_symptom (
  path TEXT NOT NULL PRIMARY KEY,  -- names: files
  line INTEGER NOT NULL,
  span TEXT NOT NULL  -- kept
) STRICT;

-- A file of which a page-cache trace speaks. device: its file system's, as major,minor;
-- backing_device: the one whose write-back thread cares for it.
CREATE TABLE traced_inode (
  inode_id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES source_file,
  device TEXT,  -- names: devices
  backing_device TEXT,  -- names: devices
  inode INTEGER NOT NULL
) STRICT;

-- Pages of 4 KiB that went from clean to dirty. sector is on the file system's device (512 bytes),
-- NULL where nothing said it then.
CREATE TABLE dirtied_page (
  inode_id INTEGER NOT NULL,
  page INTEGER NOT NULL,
  pages INTEGER NOT NULL,
  sector INTEGER,
  at_ns INTEGER NOT NULL,
  task_id INTEGER NOT NULL,
  line INTEGER NOT NULL
) STRICT;

-- A piece of a file and its place on the file system's device, as the file system said at at_ns.
CREATE TABLE page_extent (
  inode_id INTEGER NOT NULL,
  page INTEGER NOT NULL,
  pages INTEGER NOT NULL,
  sector INTEGER NOT NULL,
  at_ns INTEGER NOT NULL,
  writeback INTEGER NOT NULL,
  line INTEGER NOT NULL
) STRICT;

-- A thread that wrote a file's dirty pages. pages: what the file system says, NULL where it does not.
CREATE TABLE writeback_pass (
  inode_id INTEGER NOT NULL,
  task_id INTEGER NOT NULL,
  tid INTEGER NOT NULL,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  start_page INTEGER NOT NULL,
  pages INTEGER,
  line INTEGER NOT NULL
) STRICT;

-- A call of fsync or fdatasync.
CREATE TABLE sync_call (
  sync_id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES source_file,
  inode_id INTEGER,
  task_id INTEGER NOT NULL,
  tid INTEGER NOT NULL,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER,
  result INTEGER NOT NULL,
  data_only INTEGER NOT NULL,
  line INTEGER NOT NULL
) STRICT;

-- Moments of block requests in a page-cache trace: kind 0 Q, 1 D, 2 C; device is major << 20 | minor,
-- direction the letters R, W and D as in rwbs. They tie its clock to the block trace's.
CREATE TABLE block_moment (
  source_id INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  device INTEGER NOT NULL,
  sector INTEGER NOT NULL,
  sectors INTEGER NOT NULL,
  direction INTEGER NOT NULL,
  at_ns INTEGER NOT NULL
) STRICT;

-- What a thread did to the page cache over a whole source.
CREATE TABLE page_cache_sum (
  source_id INTEGER NOT NULL REFERENCES source_file,
  task_id INTEGER NOT NULL,
  dirtied_pages INTEGER NOT NULL,
  writes INTEGER NOT NULL,
  written_bytes INTEGER NOT NULL,
  write_ns INTEGER NOT NULL,  -- a sum
  max_write_ns INTEGER NOT NULL,
  throttles INTEGER NOT NULL,
  throttle_ns INTEGER NOT NULL,  -- a sum
  PRIMARY KEY (source_id, task_id)
) STRICT;

CREATE TABLE incident_state (
  key TEXT PRIMARY KEY,  -- kept
  value TEXT NOT NULL  -- kept
) STRICT;

-- How a quantity of a virtual disk's commands was distributed, as vscsiStats counted it.
CREATE TABLE disk_histogram (
  histogram_id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES source_file,
  -- The group id of the VM on its host.
  vm_group INTEGER NOT NULL,
  -- The VM's disk: 'scsi0:0'.
  disk TEXT NOT NULL,  -- names: devices
  -- 'latency', 'interarrival' (us), 'length' (bytes), 'distance', 'distance16' (sectors) or 'outstanding' (commands).
  quantity TEXT NOT NULL,  -- kept
  -- 'all', 'read' or 'write'.
  operation TEXT NOT NULL,  -- kept
  -- The least value.
  least INTEGER,
  -- The largest value.
  greatest INTEGER,
  -- The mean, cut to a whole number.
  mean INTEGER,
  -- Commands.
  count INTEGER,
  line INTEGER NOT NULL
) STRICT;

-- A bucket of it: values above that of the bucket before and not above its limit; NULL: all above the last one.
CREATE TABLE disk_histogram_bucket (
  histogram_id INTEGER NOT NULL REFERENCES disk_histogram,
  bucket INTEGER NOT NULL,
  up_to INTEGER,
  count INTEGER NOT NULL,
  PRIMARY KEY (histogram_id, bucket)
) STRICT;

-- From here on: what `correlate` finds. It empties and fills these tables as a whole.

-- What each counter_sample did since the reading before, worked out from all files together, for all but the first of
-- a series. delta: what a total grew by, NULL for a level. kind: 0 grew, 1 ran over 32 bits,
-- 2 began again from 0, 3 fell by itself, so that the step is left out.
CREATE TABLE counter_step (
  sample_id INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL CHECK (kind IN (0, 1, 2, 3)),
  delta INTEGER,
  interval_ns INTEGER
) STRICT;

CREATE TABLE clock_relation (
  source_id INTEGER NOT NULL REFERENCES source_file,
  reference_source_id INTEGER NOT NULL REFERENCES source_file,
  segment INTEGER NOT NULL,
  -- The stretch of the trace, and the own time within it from which this relation is used.
  stretch INTEGER NOT NULL,
  start_ns INTEGER,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  offset_ns REAL NOT NULL,
  drift_ppm REAL NOT NULL,
  error_ns INTEGER NOT NULL,
  error_middle_ns INTEGER NOT NULL,
  method TEXT NOT NULL,  -- kept
  pairs INTEGER NOT NULL,
  removed_pairs INTEGER NOT NULL,
  violations INTEGER NOT NULL,
  PRIMARY KEY (source_id, segment)
) STRICT;

CREATE TABLE device_extent (
  guest_stream_id INTEGER NOT NULL,
  host_stream_id INTEGER NOT NULL,
  guest_sector INTEGER NOT NULL,
  host_sector INTEGER NOT NULL,
  sectors INTEGER NOT NULL,
  votes INTEGER NOT NULL,
  feasible_share REAL,
  origin TEXT NOT NULL CHECK (origin IN ('given', 'inferred'))  -- kept
) STRICT;

-- One guest I/O: a bio, or a flush that the guest's block layer sent by itself.
CREATE TABLE guest_io (
  -- Number of the I/O in this incident.
  io_id INTEGER PRIMARY KEY,
  -- The guest request that carried it.
  request_id INTEGER NOT NULL,
  -- 1: the first bio of its request. 0: one that was merged into it.
  leading INTEGER NOT NULL,
  -- {{numbers BlockOperation}}
  op INTEGER NOT NULL,  -- an operation
  rwbs INTEGER NOT NULL,
  -- First sector on the guest's disk (512 bytes); NULL for a flush.
  sector INTEGER,
  -- Length in sectors.
  sectors INTEGER NOT NULL,
  -- Q, in ns on the guest's trace clock.
  queued_at_ns INTEGER,
  -- C, in ns on the guest's trace clock.
  completed_at_ns INTEGER,
  -- Q, in ns on the reference timeline.
  reference_ns INTEGER,  -- a moment
  -- H1, from the dirtying of its oldest page to Q, in ns.
  page_cache_ns INTEGER,
  -- H2, from Q to the last D in the guest, in ns.
  guest_scheduler_ns INTEGER,
  -- The part of H2 that was a cache flush it had to wait for, in ns.
  flush_ns INTEGER,
  -- The part of H2 between its first and last D: the ring was full, in ns.
  requeue_ns INTEGER,
  -- H3 on the way in, from D in the guest to Q on the host, in ns, within clock_error_ns.
  virtio_submit_ns INTEGER,
  -- H3 on the way back, from C on the host to C in the guest, in ns, within clock_error_ns.
  virtio_return_ns INTEGER,
  -- H4, from Q to D on the host, in ns.
  host_scheduler_ns INTEGER,
  -- H5, from D to C on the host, in ns.
  hardware_queue_ns INTEGER,
  -- QEMU's own time, in ns: from the moment when it took the request off the virtqueue (virtqueue_pop, else
  -- virtio_blk_handle_* or virtio_scsi_cmd_req) to its answer (virtqueue_flush, else virtio_blk_req_complete or
  -- virtio_scsi_cmd_resp), without backend_ns. Only where no block trace of the host shows the disk and QEMU's trace
  -- does; H3 is then the way to QEMU and back.
  qemu_ns INTEGER,
  -- From QEMU's submit (blk_co_p*, scsi_req_continue, else as above) until its storage answered
  -- (virtio_blk_rw_complete, scsi_req_dequeue, else as above), in ns; NULL as above.
  backend_ns INTEGER,
  -- From Q to C in the guest, in ns: the total without the page cache.
  block_ns INTEGER,
  -- How far the guest's clock may be off at this I/O, in ns.
  clock_error_ns INTEGER,
  -- The part of virtio_submit_ns in which the vCPU that issued it or the host thread that queued it waited
  -- for a CPU, in ns; NULL without the host's scheduler trace, or where no clock ties it to the block trace.
  submit_cpu_wait_ns INTEGER,
  -- The part of virtio_return_ns in which that host thread or the vCPU that took the interrupt (the CPU of C
  -- in the guest) waited for a CPU, in ns; NULL as above.
  return_cpu_wait_ns INTEGER,
  -- {{numbers MatchGrade}}
  match_grade INTEGER NOT NULL,  -- a grade
  -- {{numbers UnmatchedReason}}
  match_reason INTEGER,  -- a reason
  -- How many host requests carried it.
  host_requests INTEGER NOT NULL,
  -- The host request that completed last: its times are t4 to t6.
  host_request_id INTEGER,
  -- The host request that later wrote what the host's page cache had taken; of several the one that ended
  -- last. NULL where nothing was absorbed, and where the host's trace ended first.
  deferred_request_id INTEGER,
  -- From C in the guest to C of that host request, in ns, within clock_error_ns: for so long acknowledged
  -- data was not on the disk.
  deferred_ns INTEGER
) STRICT;

-- Two clocks of one machine: other = own + offset_ns + drift_ppm * 1e-6 * own, from from_ns to to_ns of
-- the own clock. segment counts the pieces: one more at each step of their difference.
CREATE TABLE machine_clock (
  source_id INTEGER NOT NULL REFERENCES source_file,
  other_source_id INTEGER NOT NULL REFERENCES source_file,
  segment INTEGER NOT NULL,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  offset_ns REAL NOT NULL,
  drift_ppm REAL NOT NULL,
  error_ns INTEGER NOT NULL,
  method TEXT NOT NULL,  -- kept
  pairs INTEGER NOT NULL,
  removed_pairs INTEGER NOT NULL,
  PRIMARY KEY (source_id, other_source_id, segment)
) STRICT;

-- Which page of a file was the oldest that an I/O carried, and how much of it is known.
CREATE TABLE io_page (
  request_id INTEGER NOT NULL,
  sector INTEGER NOT NULL,
  inode_id INTEGER NOT NULL,
  page INTEGER NOT NULL,
  pages INTEGER NOT NULL,
  task_id INTEGER NOT NULL,
  dirtied_ns INTEGER NOT NULL,
  line INTEGER NOT NULL
) STRICT;

-- What a call of fsync waited for: its own writes, then the journal.
CREATE TABLE sync_wait (
  sync_id INTEGER PRIMARY KEY,
  writes INTEGER NOT NULL,
  data_ns INTEGER NOT NULL,
  journal_ns INTEGER NOT NULL
) STRICT;

-- The I/Os of a disk's stretch, counted by what became of them.
CREATE TABLE io_sum (
  guest_stream_id INTEGER NOT NULL,
  -- {{numbers BlockOperation}}
  op INTEGER NOT NULL,  -- an operation
  -- {{numbers MatchGrade}}
  match_grade INTEGER NOT NULL,  -- a grade
  -- {{numbers UnmatchedReason}}
  match_reason INTEGER,  -- a reason
  -- How many there are.
  count INTEGER NOT NULL,
  -- When the first of them was queued, in ns on the reference timeline, or where nothing relates the clocks on the
  -- guest's; NULL where no Q was seen.
  from_ns INTEGER,
  -- When the last of them was, in ns as well.
  to_ns INTEGER,
  -- How many the driver gave back because the ring was full.
  requeued INTEGER NOT NULL,
  -- The sum of requeue_ns over those, in ns.
  requeued_ns INTEGER NOT NULL,  -- a sum
  -- How many have a deferred_ns.
  deferred INTEGER NOT NULL,
  -- The sum of those, in ns.
  deferred_sum_ns INTEGER NOT NULL,  -- a sum
  -- The longest of those, in ns; NULL without any.
  deferred_max_ns INTEGER,
  -- How many have a reference_ns.
  placed INTEGER NOT NULL,
  -- How many have both submit_cpu_wait_ns and return_cpu_wait_ns.
  followed INTEGER NOT NULL,
  -- The sum of virtio_submit_ns over those, in ns.
  followed_submit_ns INTEGER NOT NULL,  -- a sum
  -- The sum of submit_cpu_wait_ns over those, in ns.
  followed_submit_wait_ns INTEGER NOT NULL,  -- a sum
  -- The sum of virtio_return_ns over those, in ns.
  followed_return_ns INTEGER NOT NULL,  -- a sum
  -- The sum of return_cpu_wait_ns over those, in ns.
  followed_return_wait_ns INTEGER NOT NULL  -- a sum
) STRICT;

-- The I/Os with data of a disk's stretch that took longest from Q to C, at most 100. None of a trace without Q.
CREATE TABLE longest_io (
  guest_stream_id INTEGER NOT NULL,
  io_id INTEGER NOT NULL,
  block_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE hop_quantile (
  guest_stream_id INTEGER NOT NULL,
  op TEXT NOT NULL,  -- kept
  hop TEXT NOT NULL,  -- kept
  count INTEGER NOT NULL,
  mean_ns REAL NOT NULL,
  p50_ns INTEGER NOT NULL,
  p90_ns INTEGER NOT NULL,
  p99_ns INTEGER NOT NULL,
  p999_ns INTEGER NOT NULL,
  max_ns INTEGER NOT NULL,
  share_of_total REAL,
  PRIMARY KEY (guest_stream_id, op, hop)
) STRICT;

-- What the I/Os around a percentile of Q to C spent where,
CREATE TABLE tail_share (
  guest_stream_id INTEGER NOT NULL,
  op TEXT NOT NULL,  -- kept
  percentile REAL NOT NULL,
  hop TEXT NOT NULL,  -- kept
  ios INTEGER NOT NULL,
  mean_ns REAL NOT NULL,
  share REAL NOT NULL,
  PRIMARY KEY (guest_stream_id, op, percentile, hop)
) STRICT;

-- and that percentile with a hop taken away from each I/O.
CREATE TABLE hop_without (
  guest_stream_id INTEGER NOT NULL,
  op TEXT NOT NULL,  -- kept
  hop TEXT NOT NULL,  -- kept
  percentile REAL NOT NULL,
  now_ns INTEGER NOT NULL,
  without_ns INTEGER NOT NULL,
  PRIMARY KEY (guest_stream_id, op, hop, percentile)
) STRICT;

-- Requests in a queue over time, on the reference timeline where there is a clock relation.
CREATE TABLE queue_interval (
  stream_id INTEGER NOT NULL,
  hop TEXT NOT NULL,  -- kept
  at_ns INTEGER NOT NULL,
  interval_ns INTEGER NOT NULL,
  arrivals INTEGER NOT NULL,
  mean_depth REAL NOT NULL,
  max_depth INTEGER NOT NULL,
  little_residual REAL,
  PRIMARY KEY (stream_id, hop, at_ns)
) STRICT;

-- How many requests a queue can hold, where a file says it.
CREATE TABLE queue_limit (
  stream_id INTEGER NOT NULL,
  hop TEXT NOT NULL,  -- kept
  limit_depth INTEGER NOT NULL,
  PRIMARY KEY (stream_id, hop)
) STRICT;

-- When a driver's queue held requests and none left it for 20 ms or more; the longest hundred of a queue.
CREATE TABLE device_stall (
  stream_id INTEGER NOT NULL,
  hop TEXT NOT NULL,  -- kept
  at_ns INTEGER NOT NULL,
  length_ns INTEGER NOT NULL,
  held INTEGER NOT NULL,
  joined INTEGER NOT NULL,
  is_open INTEGER NOT NULL,
  PRIMARY KEY (stream_id, hop, at_ns)
) STRICT;

-- Who else used the device below a guest's disk. comm is NULL for all that are not told by name.
CREATE TABLE device_neighbour (
  guest_stream_id INTEGER NOT NULL,
  host_stream_id INTEGER NOT NULL,
  comm TEXT,  -- names: threads
  requests INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  device_ns INTEGER NOT NULL,  -- a sum
  share REAL NOT NULL,
  ios_beside INTEGER NOT NULL,
  beside_mean_ns INTEGER,
  ios_alone INTEGER NOT NULL,
  alone_mean_ns INTEGER,
  -- The thread's id; NULL where several have that name.
  pid INTEGER,
  -- When its first request was queued, in ns on the reference timeline; on the trace's clock without one.
  from_ns INTEGER,
  -- When the last of its requests was completed, in ns on the same timeline.
  to_ns INTEGER,
  -- The first sector of the device that it asked for.
  first_sector INTEGER,
  -- The last sector that it asked for.
  last_sector INTEGER
) STRICT;

-- What `correlate` has to say about a pair of guest disk and host device.
CREATE TABLE join_summary (
  guest_stream_id INTEGER PRIMARY KEY,
  host_stream_id INTEGER,
  verdict TEXT NOT NULL,  -- kept
  expected_accidental REAL,
  feasible_share REAL,
  runner_up_share REAL
) STRICT;

-- What a host's thread is, and for which guest it works. process: the hypervisor's, 0 where there is one
-- without a number.
CREATE TABLE thread_owner (
  thread_id INTEGER PRIMARY KEY,
  role TEXT NOT NULL,  -- kept
  guest TEXT,  -- names: machines
  vcpu INTEGER,
  process INTEGER
) STRICT;

-- How long something was on a CPU while a thread waited for it; culprit_thread_id NULL: nobody that the
-- trace shows. One pair may have two classes.
CREATE TABLE culprit_sum (
  victim_thread_id INTEGER NOT NULL,
  culprit_thread_id INTEGER,
  class TEXT NOT NULL,  -- kept
  wait_ns INTEGER NOT NULL  -- a sum
) STRICT;

-- The CPUs of a host on which threads ran: those of guests, and those for which the guests' threads waited most.
CREATE TABLE thread_place (
  thread_id INTEGER NOT NULL,
  -- The number of the CPU.
  cpu INTEGER NOT NULL,
  PRIMARY KEY (thread_id, cpu)
) STRICT;

-- A guest's part in a memory node of its host: time of its virtual CPUs and of its other threads there,
-- memory of its process, and how often a virtual CPU came there from another node.
CREATE TABLE guest_node (
  guest TEXT NOT NULL,  -- names: machines
  machine TEXT NOT NULL,  -- names: machines
  node INTEGER NOT NULL,
  run_ns INTEGER,  -- a sum
  worker_run_ns INTEGER,  -- a sum
  memory_bytes INTEGER,
  migrations INTEGER,
  PRIMARY KEY (guest, machine, node)
) STRICT;

-- A virtual CPU's thread went to another node; at_ns is on its trace's clock.
CREATE TABLE node_move (
  thread_id INTEGER NOT NULL,
  at_ns INTEGER NOT NULL,
  from_node INTEGER NOT NULL,
  to_node INTEGER NOT NULL
) STRICT;

-- A point of the network path in one direction. position: see the view net_path.
CREATE TABLE net_point (
  machine TEXT NOT NULL,  -- names: machines
  guest TEXT,  -- names: machines
  guest_by TEXT,  -- kept
  position INTEGER NOT NULL,
  point TEXT NOT NULL,  -- names: devices
  direction TEXT NOT NULL CHECK (direction IN ('from_guest', 'to_guest', 'both')),  -- kept
  object TEXT,  -- names: devices
  counters TEXT NOT NULL,  -- kept
  first_loss INTEGER NOT NULL CHECK (first_loss IN (0, 1)),
  packets INTEGER,
  drops INTEGER,
  requeues INTEGER,
  stops INTEGER,
  kicks INTEGER,
  kick_packets INTEGER,
  ring_size INTEGER,
  resets INTEGER NOT NULL,
  from_wall_ns INTEGER,
  to_wall_ns INTEGER,
  -- 1: counts since the interface came up, as they were read but once.
  since_up INTEGER NOT NULL CHECK (since_up IN (0, 1))
) STRICT;

-- A second of a guest. at_ns is its begin on the reference timeline; NULL where only the guest's wall clock
-- is known, whose wall_ns it then has, and where the guest's samples have no dates, one row for each then. covered_ns: how much of it the host's scheduler trace covers.
CREATE TABLE steal_second (
  guest TEXT NOT NULL,  -- names: machines
  at_ns INTEGER,
  wall_ns INTEGER,
  vcpus INTEGER,
  covered_ns INTEGER,
  waited_ns INTEGER,  -- a sum
  ran_ns INTEGER,  -- a sum
  reported_pct REAL,
  measured_pct REAL,
  busy_pct REAL
) STRICT;

-- What a guest reported as stolen, in percent of what it counted, how much of its virtual CPUs' time that was,
-- and what they waited for on the host, in percent of that time: over the guest's samples that lie in the
-- host's trace, from_ns to_ns of the reference, or where no clock ties them over all there is of either
-- (from_ns, to_ns, tolerance_pct, agrees NULL).
CREATE TABLE steal_sum (
  guest TEXT NOT NULL,  -- names: machines
  source_id INTEGER NOT NULL,
  from_ns INTEGER,
  to_ns INTEGER,
  samples INTEGER NOT NULL,
  vcpus INTEGER NOT NULL,
  reported_pct REAL NOT NULL,
  counted_pct REAL,
  measured_pct REAL NOT NULL,
  busy_pct REAL,
  tolerance_pct REAL,
  agrees INTEGER
) STRICT;

-- Whether what a guest did fell into times in which its virtual CPUs' threads were on a CPU of the host.
CREATE TABLE vcpu_check_sum (
  guest TEXT NOT NULL,  -- names: machines
  source_id INTEGER NOT NULL,
  host_source_id INTEGER NOT NULL,
  events INTEGER NOT NULL,
  violations INTEGER NOT NULL,
  expected REAL NOT NULL
) STRICT;

-- A stretch of time in which a guest's I/O behaves alike, on the reference timeline, or on the guest's own clock where
-- nothing ties it to a host; or a machine's counters. They follow each other without a gap.
CREATE TABLE guest_phase (
  -- The guest; NULL where they are a host's own.
  guest TEXT,  -- names: machines
  -- Its number, from 0.
  phase INTEGER NOT NULL,
  -- Its first moment, in ns.
  from_ns INTEGER NOT NULL,
  -- Where the next one begins, in ns.
  to_ns INTEGER NOT NULL,
  -- 1: what the others are compared with.
  is_baseline INTEGER NOT NULL CHECK (is_baseline IN (0, 1)),
  -- Half the width of the interval in which the change to it lies, in ns; NULL for the first, and where a person named its begin.
  onset_error_ns INTEGER,
  -- What differs from the phase before, by disk; empty for the first.
  signals TEXT NOT NULL,  -- kept
  -- How sure it is that there is such a phase.
  confidence TEXT NOT NULL CHECK (confidence IN ('none', 'low', 'medium', 'high')),  -- kept
  -- Why.
  because TEXT NOT NULL,  -- kept
  -- What the phases were looked for in: 'guest', the I/Os of its own block trace; 'host', what its threads asked of a
  -- host's devices and waited for a CPU there, for a guest without a block trace; 'counters', where there are no traces.
  seen_by TEXT NOT NULL CHECK (seen_by IN ('guest', 'host', 'counters')),  -- kept
  -- The machine whose files show them.
  machine TEXT NOT NULL,  -- names: machines
  -- Of counters moment 0, the begin of the first reading, in ns since 1970 by the machine's clock; NULL where its files do
  -- not say how far their times are from UTC, and of all others.
  zero_unix_ns INTEGER,
  UNIQUE (guest, machine, phase)
) STRICT;

-- A time in which a guest's disk was let through at one even rate while its requests waited: a limit on I/O.
CREATE TABLE disk_limit (
  -- The guest.
  guest TEXT NOT NULL,  -- names: machines
  -- Its disk, major,minor.
  device TEXT NOT NULL,  -- names: devices
  -- The I/Os that it holds back: 'all', 'read' or 'write'.
  op TEXT NOT NULL,  -- kept
  -- What it limits: 'requests' or 'bytes'.
  unit TEXT NOT NULL CHECK (unit IN ('requests', 'bytes')),  -- kept
  -- Begin, in ns on the reference timeline; on the guest's own clock where nothing ties it to a host.
  from_ns INTEGER NOT NULL,
  -- End, in ns.
  to_ns INTEGER NOT NULL,
  -- By how much begin and end may be off, in ns.
  error_ns INTEGER NOT NULL,
  -- What came through, per second.
  rate REAL NOT NULL,
  -- How far an interval of error_ns was from that at most, as a share of it.
  uneven_share REAL NOT NULL,
  -- I/Os that were completed meanwhile.
  ios INTEGER NOT NULL,
  -- I/Os that waited above the limit, on average.
  held_depth REAL NOT NULL,
  -- The share of the time in which the host had an I/O of the disk; NULL without the host's trace.
  busy_below_share REAL,
  -- What the file that states the limit calls the disk; NULL where no file states it.
  setting_object TEXT,  -- names: devices
  -- The limit's name there: 'iops', 'bps_wr'.
  setting_name TEXT,  -- kept
  -- Its value there, per second.
  setting_value REAL
) STRICT;

-- A guest's disk among the virtual disks of an ESXi host, found by when how many commands were completed.
CREATE TABLE esx_guest_disk (
  -- The guest.
  guest TEXT NOT NULL,  -- names: machines
  -- Its disk, major,minor.
  device TEXT NOT NULL,  -- names: devices
  -- The guest's block trace.
  source_id INTEGER NOT NULL,
  -- The host.
  host TEXT NOT NULL,  -- names: machines
  -- The VM that fits best, as ESXi calls it.
  vm TEXT,  -- names: machines
  -- Its disk there: 'scsi0:0'.
  disk TEXT,  -- names: devices
  -- 'tied'; 'steady': the counts agree, but the load was too even to fit a clock; 'ambiguous': a second disk fits as well;
  -- 'refused': the counts of no disk agree: the guest runs elsewhere, or the files are of different times.
  verdict TEXT NOT NULL CHECK (verdict IN ('tied', 'steady', 'ambiguous', 'refused')),  -- kept
  -- What must be added to a printed time of the host to get the guest's trace time, in ns.
  offset_ns INTEGER,
  -- By how much the host's clock is ahead of the guest's, in ns; NULL where the guest's trace has no absolute start.
  ahead_ns INTEGER,
  -- By how much both may be off, in ns.
  error_ns INTEGER,
  -- How long a row's interval is by the fit, in ns.
  period_ns INTEGER,
  -- Rows that were compared.
  samples INTEGER NOT NULL,
  -- The median over the rows of the difference between the guest's and the host's count, in % of the guest's.
  mismatch_pct REAL,
  -- The same of the disk that fits second best; NULL without another.
  next_mismatch_pct REAL,
  -- By how much the fitted lag is better than the median one: 0 no, 1 perfectly.
  contrast_share REAL
) STRICT;

-- A row of esxtop beside the guest's I/Os that were completed in it: where their time went below the guest's driver, as means.
CREATE TABLE esx_guest_layer (
  -- The guest.
  guest TEXT NOT NULL,  -- names: machines
  -- Its disk, major,minor.
  device TEXT NOT NULL,  -- names: devices
  -- The host.
  host TEXT NOT NULL,  -- names: machines
  -- The VM, as ESXi calls it.
  vm TEXT NOT NULL,  -- names: machines
  -- Its disk there: 'scsi0:0'.
  disk TEXT NOT NULL,  -- names: devices
  -- Begin of the row's interval on the clock of the guest's trace, in ns.
  from_ns INTEGER NOT NULL,
  -- Its end, in ns.
  to_ns INTEGER NOT NULL,
  -- The row's line in the host's file.
  line INTEGER NOT NULL,
  -- Reads and writes that the guest saw completed.
  ios INTEGER NOT NULL,
  -- Commands by the host.
  commands REAL NOT NULL,
  -- 1: both counts differ by 10 % at most, and there are 20 of them at least.
  is_comparable INTEGER NOT NULL CHECK (is_comparable IN (0, 1)),
  -- Their mean time from the guest's driver and back (D2C), in ms.
  guest_ms REAL,
  -- By how much that changes if the row's edges are moved by what the clock may be off, in ms.
  guest_error_ms REAL,
  -- The mean time of the virtual disk, in ms.
  virtual_ms REAL,
  -- GAVG of the VM, in ms.
  gavg_ms REAL,
  -- KAVG of the VM, in ms.
  kavg_ms REAL,
  -- QAVG of the VM, in ms.
  qavg_ms REAL,
  -- DAVG of the VM, in ms.
  davg_ms REAL
) STRICT;

-- A time in which a guest stood still as a whole.
CREATE TABLE guest_pause (
  -- The guest.
  guest TEXT NOT NULL,  -- names: machines
  -- Its number, from 0.
  pause INTEGER NOT NULL,
  -- Begin of the stretch in which it lies, in ns on the reference timeline.
  from_ns INTEGER NOT NULL,
  -- End of that stretch, in ns; it is longer than the pause where it cannot be placed better.
  to_ns INTEGER NOT NULL,
  -- How long it was on the host's clock, in ns.
  length_ns INTEGER NOT NULL,
  -- By how much that may be off, in ns.
  error_ns INTEGER NOT NULL,
  -- 1: the guest's clock stood still, too, so that its own traces do not show it; 0: it went on.
  is_clock_still INTEGER NOT NULL CHECK (is_clock_still IN (0, 1)),
  -- 1: nothing ran on the host meanwhile, either.
  is_host_still INTEGER NOT NULL CHECK (is_host_still IN (0, 1)),
  -- I/Os of the guest that surely were in flight all the time: each took as long on the host's clock.
  spanning INTEGER NOT NULL,
  -- How sure it is that it was a pause.
  confidence TEXT NOT NULL CHECK (confidence IN ('none', 'low', 'medium', 'high')),  -- kept
  -- Why.
  because TEXT NOT NULL,  -- kept
  PRIMARY KEY (guest, pause)
) STRICT;

-- By how much a hop changed from the baseline to a phase, per I/O.
CREATE TABLE hop_excess (
  -- The guest.
  guest TEXT NOT NULL,  -- names: machines
  -- Its disk, major,minor; NULL for all of them.
  device TEXT,  -- names: devices
  -- 'read', 'write', or 'all': these and discards, without flushes.
  op TEXT NOT NULL,  -- kept
  -- The phase.
  phase INTEGER NOT NULL,
  -- A hop; 'below_guest' for I/Os of which nothing of the host is known; 'block' and 'total' for the sums.
  hop TEXT NOT NULL,  -- kept
  -- NULL: the whole hop. Else what its time was spent on: 'cpu_wait', 'busy', 'busy_others', 'asleep', 'blocked', 'clock',
  -- 'behind', 'ring_full', 'flush', 'device', 'unattributed'; where who it was has no name, with a word for that,
  -- 'cpu_wait:(kernel)', 'busy:vcpu', 'busy:host_thread'.
  part TEXT,  -- kept
  -- Whose that was: a thread's or a guest's name.
  part_name TEXT,  -- names: threads
  -- I/Os of the baseline.
  baseline_count INTEGER NOT NULL,
  -- I/Os of the phase.
  phase_count INTEGER NOT NULL,
  -- The mean in the baseline, in ns; an I/O without the hop counts as 0.
  baseline_mean_ns INTEGER NOT NULL,
  -- The mean in the phase, in ns.
  phase_mean_ns INTEGER NOT NULL,
  -- The difference, in ns; those of the hops add up to that of the total.
  delta_ns INTEGER NOT NULL,
  -- The interval of 95 % that holds it, in ns; NULL where there are too few I/Os.
  low_ns REAL,
  -- Its upper end, in ns.
  high_ns REAL,
  -- Its share of the difference of the total.
  share REAL,
  -- The median in the baseline, in ns, within half a percent; NULL where no I/O has the hop. All quantiles are of those
  -- that have it.
  baseline_p50_ns INTEGER,
  -- The median in the phase, in ns.
  phase_p50_ns INTEGER,
  -- 90 % in the baseline are not longer, in ns.
  baseline_p90_ns INTEGER,
  -- 90 % in the phase are not longer, in ns.
  phase_p90_ns INTEGER,
  -- 99 % in the baseline are not longer, in ns.
  baseline_p99_ns INTEGER,
  -- 99 % in the phase are not longer, in ns.
  phase_p99_ns INTEGER
) STRICT;

-- What a change of a phase may come from, by how much of the excess it accounts for.
CREATE TABLE phase_candidate (
  -- The guest; NULL for a phase of a host's counters.
  guest TEXT,  -- names: machines
  -- Its disk, major,minor; NULL for all of them.
  device TEXT,  -- names: devices
  -- The phase.
  phase INTEGER NOT NULL,
  -- From 1, the one that explains most first.
  rank INTEGER NOT NULL,
  -- cpu_neighbour, disk_neighbour, own_load, own_cpu, device, host_scheduler, virtio_ring, numa, throttle, host_memory,
  -- network or unknown.
  kind TEXT NOT NULL,  -- kept
  -- The thread's or process's name, or a guest's; NULL where there is none.
  name TEXT,  -- names: threads
  -- On which machine it was seen.
  machine TEXT,  -- names: machines
  -- Its thread's id; NULL where several have that name, or none is known.
  pid INTEGER,
  -- When it began, in ns; NULL where it was there before.
  began_ns INTEGER,
  -- When it ended, in ns; NULL where it lasted to the end.
  ended_ns INTEGER,
  -- Its rate in the baseline; of a machine's own counters in the phase before.
  rate_before REAL,
  -- Its rate in the phase.
  rate_after REAL,
  -- Of the two rates.
  rate_unit TEXT,  -- kept
  -- What it accounts for of the change of the total, in ns per I/O.
  explains_ns INTEGER,
  -- That, as a share of the change of the total.
  share REAL,
  -- How sure it is.
  confidence TEXT NOT NULL CHECK (confidence IN ('none', 'low', 'medium', 'high')),  -- kept
  -- Why.
  because TEXT NOT NULL,  -- kept
  -- Rows that show it.
  evidence_sql TEXT  -- taken out
) STRICT;

-- A layer that surely did not change by more than a tenth of what the whole did.
CREATE TABLE cleared_layer (
  -- The guest.
  guest TEXT NOT NULL,  -- names: machines
  -- Its disk, major,minor; NULL for all of them.
  device TEXT,  -- names: devices
  -- The phase.
  phase INTEGER NOT NULL,
  -- A hop; 'cpu' for what a guest itself counted as stolen, for each of its I/Os.
  layer TEXT NOT NULL,  -- kept
  -- The interval that holds its change, over reads, writes and all, in ns.
  low_ns REAL NOT NULL,
  -- Its upper end, in ns.
  high_ns REAL NOT NULL,
  -- Why it is cleared.
  because TEXT NOT NULL  -- kept
) STRICT;

-- How long the I/Os of a guest's disk took over time: a capture has at most 80 intervals, of equal length. A disk whose
-- Q was not traced has none.
CREATE TABLE latency_sum (
  -- The guest.
  guest TEXT NOT NULL,  -- names: machines
  -- Its disk, major,minor; of a guest that its host alone shows, the host's device.
  device TEXT NOT NULL,  -- names: devices
  -- 'read', 'write', or 'all': these and discards, without flushes.
  op TEXT NOT NULL,  -- kept
  -- Begin of the interval, in ns on the timeline of the guest's phases.
  at_ns INTEGER NOT NULL,
  -- How much of the interval the trace covers, in ns.
  interval_ns INTEGER NOT NULL,
  -- I/Os with their Q in it.
  count INTEGER NOT NULL,
  -- The median of their times from Q to C, in ns; NULL without any.
  p50_ns INTEGER,
  -- 99 % of them took no longer, in ns.
  p99_ns INTEGER
) STRICT;

-- How many I/Os of an interval took how long.
CREATE TABLE latency_count (
  -- The guest.
  guest TEXT NOT NULL,  -- names: machines
  -- Its disk, as in latency_interval.
  device TEXT NOT NULL,  -- names: devices
  -- 'read', 'write' or 'all', as in latency_interval.
  op TEXT NOT NULL,  -- kept
  -- Begin of the interval, in ns, as in latency_interval.
  at_ns INTEGER NOT NULL,
  -- From Q to C they took at least so long, in ns: five steps per power of ten.
  low_ns INTEGER NOT NULL,
  -- And less than that, in ns; NULL: any longer.
  high_ns INTEGER,
  -- I/Os.
  count INTEGER NOT NULL
) STRICT;

-- How many I/Os of an interval had a hop of about what length; of the busiest disks.
CREATE TABLE hop_count (
  -- The guest.
  guest TEXT NOT NULL,  -- names: machines
  -- Its disk, major,minor.
  device TEXT NOT NULL,  -- names: devices
  -- The hop, as in io_hop.
  hop TEXT NOT NULL,  -- kept
  -- Begin of the interval, in ns, as in latency_interval.
  at_ns INTEGER NOT NULL,
  -- The hop took at least so long, in ns: 1, 2 or 5 times a power of ten, or 0.
  low_ns INTEGER NOT NULL,
  -- And less than that, in ns; NULL: any longer.
  high_ns INTEGER,
  -- I/Os with data.
  count INTEGER NOT NULL,
  -- The sum of their times, in ns.
  sum_ns INTEGER NOT NULL  -- a sum
) STRICT;

-- The waits for a CPU of a guest's thread of which a file says which CPUs it may use.
CREATE TABLE avoidable_wait_sum (
  thread_id INTEGER PRIMARY KEY,
  -- The CPUs that it may use: '0-3,6'.
  allowed_cpus TEXT NOT NULL,  -- kept
  -- Its waits for a CPU, in ns.
  waited_ns INTEGER NOT NULL,  -- a sum
  -- The part of them in which another CPU that it may use was idle, in ns.
  avoidable_ns INTEGER NOT NULL,  -- a sum
  -- Those CPUs; NULL where there is none.
  idle_cpus TEXT  -- kept
) STRICT;

-- What a half of the virtio queue of a disk's I/Os is made of, where a scheduler trace of the host covers it.
CREATE TABLE virtio_part_sum (
  -- The guest.
  guest TEXT NOT NULL,  -- names: machines
  -- Its disk, major,minor.
  device TEXT NOT NULL,  -- names: devices
  -- As in io.
  op TEXT NOT NULL,  -- kept
  -- 'virtio_submit' or 'virtio_return'.
  hop TEXT NOT NULL,  -- kept
  -- NULL: the whole half. Else a part of it, as in hop_excess.
  part TEXT,  -- kept
  -- Whose that was: a thread's or a guest's name.
  part_name TEXT,  -- names: threads
  -- I/Os whose half is covered.
  ios INTEGER NOT NULL,
  -- Their time, in ns.
  sum_ns INTEGER NOT NULL  -- a sum
) STRICT;

-- The same of the I/Os of slow_io.
CREATE TABLE slow_io_part (
  -- The guest request that carried it.
  request_id INTEGER NOT NULL,
  -- 'virtio_submit' or 'virtio_return'.
  hop TEXT NOT NULL,  -- kept
  -- A part of it, as in hop_excess.
  part TEXT NOT NULL,  -- kept
  -- Whose that was: a thread's or a guest's name.
  part_name TEXT,  -- names: threads
  -- Its time, in ns; below zero for a remainder where the clocks' bound makes the half end before it begins.
  time_ns INTEGER NOT NULL
) STRICT;

-- What the slow I/Os of a disk have in common; of the busiest disks.
CREATE TABLE tail_trait (
  -- The guest.
  guest TEXT NOT NULL,  -- names: machines
  -- Its disk, major,minor.
  device TEXT NOT NULL,  -- names: devices
  -- Its place, from 1.
  place INTEGER NOT NULL,
  -- In which respect the I/Os are alike: 'process', 'operation', 'flag' (of RWBS), 'size', 'region' (a part of the disk),
  -- 'order' (sequential or not), 'issuing_vcpu', 'completing_vcpu', 'host_thread' (which queued it there) or 'in_flight'
  -- (what was under way when the I/O was queued).
  trait TEXT NOT NULL,  -- kept
  name TEXT,  -- names: threads
  word TEXT,  -- kept
  -- From Q to C from which on an I/O is slow, in ns: of the slowest 1 %, but of 100 I/Os, and of a tenth at the most.
  slow_from_ns INTEGER NOT NULL,
  -- Slow I/Os without a trait of an earlier place.
  slow_ios INTEGER NOT NULL,
  -- Those of them that have this one.
  slow_having INTEGER NOT NULL,
  -- The other I/Os without a trait of an earlier place.
  rest_ios INTEGER NOT NULL,
  -- Those of them that have this one.
  rest_having INTEGER NOT NULL,
  -- So many times as often at least the slow ones have it, corrected for all traits that were looked at.
  low_times REAL NOT NULL,
  -- So many times as often at the most.
  high_times REAL NOT NULL
) STRICT;

-- The slowest I/Os of a disk: of all, and of each interval; of the busiest disks.
CREATE TABLE slow_io (
  -- The guest.
  guest TEXT NOT NULL,  -- names: machines
  -- Its disk, major,minor.
  device TEXT NOT NULL,  -- names: devices
  -- Begin of the interval, in ns, as in latency_interval; NULL: of all I/Os.
  at_ns INTEGER,
  -- Its place among them, from 1.
  place INTEGER NOT NULL,
  -- From Q to C, in ns.
  block_ns INTEGER NOT NULL,
  -- The guest request that carried it.
  request_id INTEGER NOT NULL
) STRICT;

-- What a host's device completed over time, and for whom; intervals as in latency_interval.
CREATE TABLE device_sum (
  -- The host.
  machine TEXT NOT NULL,  -- names: machines
  -- Its device, major,minor.
  device TEXT NOT NULL,  -- names: devices
  -- The guest whose requests they are; NULL for others.
  guest TEXT,  -- names: machines
  -- The name of the threads, of those that work for no guest: the few that asked most. NULL together with guest: all
  -- requests of the device.
  comm TEXT,  -- names: threads
  -- Begin of the interval, in ns on the reference timeline.
  at_ns INTEGER NOT NULL,
  -- How much of the interval the trace covers, in ns.
  interval_ns INTEGER NOT NULL,
  -- Requests with data that were completed in it.
  requests INTEGER NOT NULL,
  -- Their bytes.
  bytes INTEGER NOT NULL
) STRICT;

-- How long a guest's virtual CPUs waited for a CPU of the host over time, and for whom; intervals as in latency_interval.
CREATE TABLE wait_sum (
  -- The guest.
  guest TEXT NOT NULL,  -- names: machines
  -- The host.
  machine TEXT NOT NULL,  -- names: machines
  -- Who was on the CPU meanwhile, as in the view culprit; NULL: all that they waited. Of those that had it longest.
  class TEXT,  -- kept
  -- Of another guest its name; else NULL.
  of_guest TEXT,  -- names: machines
  -- Of a process of the host the thread's name; else NULL.
  comm TEXT,  -- names: threads
  -- Begin of the interval, in ns on the reference timeline.
  at_ns INTEGER NOT NULL,
  -- How much of the interval the trace covers, in ns.
  interval_ns INTEGER NOT NULL,
  -- How long they waited, all together, in ns.
  wait_ns INTEGER NOT NULL,  -- a sum
  -- How many virtual CPUs the trace shows.
  vcpus INTEGER NOT NULL
) STRICT;

-- What was recorded of a guest's clock and its host's beside what the requests show, at one moment each.
CREATE TABLE recorded_clock (
  source_id INTEGER NOT NULL REFERENCES source_file,
  reference_source_id INTEGER NOT NULL REFERENCES source_file,
  origin TEXT NOT NULL CHECK (origin IN ('given', 'readings', 'time shift')),  -- kept
  path TEXT NOT NULL,  -- names: files
  line INTEGER,
  at_ns INTEGER NOT NULL,
  recorded_ns INTEGER NOT NULL,  -- a moment
  recorded_error_ns INTEGER NOT NULL,
  found_ns INTEGER NOT NULL,  -- a moment
  -- NULL: no request is near, and the clock may have stepped in between
  found_error_ns INTEGER
) STRICT;

-- What the rules found, in the order in which it is told.
CREATE TABLE finding_row (
  finding_id INTEGER PRIMARY KEY,
  code TEXT NOT NULL,  -- written anew
  severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),  -- written anew
  guest TEXT,  -- written anew
  sentence TEXT NOT NULL,  -- written anew
  confidence TEXT NOT NULL CHECK (confidence IN ('none', 'low', 'medium', 'high')),  -- written anew
  because TEXT NOT NULL,  -- written anew
  evidence_sql TEXT NOT NULL,  -- written anew
  next_step TEXT NOT NULL,  -- written anew
  -- When it began, in ns on the reference timeline, or on the clock of its machine where nothing ties that to it. Of what
  -- held throughout: when the guest's first phase began. NULL where it has no time.
  from_ns INTEGER,
  -- When it ended, in ns on the same timeline; NULL where it has no time.
  to_ns INTEGER,
  -- What the guest's I/Os lost by it, all together, in ns: of a cause of phases what the view phase_cause says, for each I/O
  -- of those phases; NULL where that is not known.
  explains_ns INTEGER,
  -- The finding_id of the finding whose consequence it is; NULL where it stands for itself.
  consequence_of INTEGER
) STRICT;

-- What the evidence of a finding returned when it was found: its first rows, a row here for each of their values.
CREATE TABLE finding_result (
  finding_id INTEGER NOT NULL,
  -- Which row of the result, from 1.
  row INTEGER NOT NULL,
  -- Which of its columns, from 1.
  place INTEGER NOT NULL,
  -- The name of that column.
  name TEXT NOT NULL,  -- written anew
  -- Its value as SQLite prints it, in the unit that its name says; NULL where it has none.
  value TEXT,  -- written anew
  PRIMARY KEY (finding_id, row, place)
) STRICT, WITHOUT ROWID;
