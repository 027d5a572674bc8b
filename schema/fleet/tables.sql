-- Thousands of incidents in one ClickHouse cluster: what is kept of each, and for how long.
--
-- Written for a cluster with the usual macros {cluster}, {shard} and {replica}. `hiddenq fleet ddl
-- --single-node` prints the same text for one server: without ON CLUSTER, without the Distributed
-- tables, and X instead of X_local.
--
-- Every table is sharded by the incident, so that one incident lies on one shard, and replaces rows of
-- the same key: the same incident loaded again changes nothing. Read with FINAL, or through the queries.

CREATE DATABASE IF NOT EXISTS hiddenq ON CLUSTER '{cluster}';

CREATE TABLE IF NOT EXISTS hiddenq.incident_local ON CLUSTER '{cluster}'
(
  incident String COMMENT 'SHA-256 over the machines and contents of the files it was made from',
  at DateTime64(9, 'UTC') COMMENT 'Start of its reference trace',
  file String COMMENT 'The incident file it was loaded from',
  hosts Array(LowCardinality(String)) COMMENT 'Machines of layer host',
  guests Array(LowCardinality(String)) COMMENT 'Machines of layer guest',
  sources UInt32 COMMENT 'Files that were read',
  events UInt64 COMMENT 'Events in them',
  lost_events UInt64 COMMENT 'Events that the tracers lost',
  ios UInt64 COMMENT 'Guest I/Os',
  matched_ios UInt64 COMMENT 'Guest I/Os with a certain host side',
  loaded_at DateTime DEFAULT now() COMMENT 'When it was loaded last'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hiddenq/incident', '{replica}', loaded_at)
PARTITION BY toYYYYMM(at)
ORDER BY incident
TTL toDateTime(at) + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS hiddenq.incident ON CLUSTER '{cluster}' AS hiddenq.incident_local
ENGINE = Distributed('{cluster}', 'hiddenq', 'incident_local', cityHash64(incident));

CREATE TABLE IF NOT EXISTS hiddenq.source_local ON CLUSTER '{cluster}'
(
  incident String COMMENT 'Key of the incident',
  at DateTime64(9, 'UTC') COMMENT 'Start of its reference trace',
  machine LowCardinality(String) COMMENT 'Where the file was recorded',
  layer LowCardinality(String) COMMENT 'guest or host',
  sha256 String COMMENT 'SHA-256 of the content',
  path String COMMENT 'As it was given',
  format LowCardinality(String) COMMENT 'As hiddenq formats names it',
  bytes UInt64 COMMENT 'Size',
  events UInt64 COMMENT 'Events read',
  skipped_lines UInt64 COMMENT 'Lines that could not be used',
  lost_events UInt64 COMMENT 'Events that the tracer lost'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hiddenq/source', '{replica}')
PARTITION BY toYYYYMM(at)
ORDER BY (incident, machine, sha256)
TTL toDateTime(at) + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS hiddenq.source ON CLUSTER '{cluster}' AS hiddenq.source_local
ENGINE = Distributed('{cluster}', 'hiddenq', 'source_local', cityHash64(incident));

-- Percentiles do not add up; digests merge. One row per ten seconds and hop of a guest's disk.
CREATE TABLE IF NOT EXISTS hiddenq.hop_interval_local ON CLUSTER '{cluster}'
(
  incident String COMMENT 'Key of the incident',
  host LowCardinality(String) COMMENT 'The host of the disk; empty where no host was traced',
  guest LowCardinality(String) COMMENT 'The guest',
  device LowCardinality(String) COMMENT 'Its disk, as the guest calls it',
  op LowCardinality(String) COMMENT 'read, write, flush, discard or other',
  hop LowCardinality(String) COMMENT 'As in hop_summary',
  at DateTime64(3, 'UTC') COMMENT 'Start of the interval of 10 s',
  count UInt64 COMMENT 'I/Os in which the hop was observed',
  sum_ns Int64 COMMENT 'Their sum in it, ns',
  max_ns Int64 COMMENT 'The longest, ns',
  latency AggregateFunction(quantilesTDigest(0.5, 0.9, 0.99, 0.999), Int64)
    COMMENT 'Digest of the times in it, ns'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hiddenq/hop_interval', '{replica}')
PARTITION BY toYYYYMM(at)
ORDER BY (incident, guest, device, op, hop, at)
TTL toDateTime(at) + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS hiddenq.hop_interval ON CLUSTER '{cluster}' AS hiddenq.hop_interval_local
ENGINE = Distributed('{cluster}', 'hiddenq', 'hop_interval_local', cityHash64(incident));

CREATE TABLE IF NOT EXISTS hiddenq.thread_wait_local ON CLUSTER '{cluster}'
(
  incident String COMMENT 'Key of the incident',
  at DateTime64(9, 'UTC') COMMENT 'Start of its reference trace',
  host LowCardinality(String) COMMENT 'The machine',
  guest LowCardinality(String) COMMENT 'The guest it works for; empty for others',
  role LowCardinality(String) COMMENT 'vcpu, iothread, vhost, emulator',
  comm LowCardinality(String) COMMENT 'Its name',
  tid Int64 COMMENT 'Thread id',
  thread Int64 COMMENT 'Its number in the incident file: a thread id may be used again',
  run_ns UInt64 COMMENT 'On a CPU, ns',
  wait_ns UInt64 COMMENT 'Runnable and not on a CPU, ns',
  waits UInt64 COMMENT 'How often',
  max_wait_ns UInt64 COMMENT 'The longest, ns',
  migrations UInt64 COMMENT 'From one CPU to another'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hiddenq/thread_wait', '{replica}')
PARTITION BY toYYYYMM(at)
ORDER BY (incident, host, guest, tid, thread)
TTL toDateTime(at) + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS hiddenq.thread_wait ON CLUSTER '{cluster}' AS hiddenq.thread_wait_local
ENGINE = Distributed('{cluster}', 'hiddenq', 'thread_wait_local', cityHash64(incident));

CREATE TABLE IF NOT EXISTS hiddenq.culprit_local ON CLUSTER '{cluster}'
(
  incident String COMMENT 'Key of the incident',
  at DateTime64(9, 'UTC') COMMENT 'Start of its reference trace',
  host LowCardinality(String) COMMENT 'The machine',
  victim_guest LowCardinality(String) COMMENT 'The guest that waited',
  culprit_guest LowCardinality(String) COMMENT 'The guest that ran meanwhile; empty for others',
  culprit_comm LowCardinality(String) COMMENT 'The name of the thread that ran; empty where unknown',
  class LowCardinality(String) COMMENT 'guest, sibling, host, kernel, throttled or unknown',
  wait_ns UInt64 COMMENT 'For how long, ns'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hiddenq/culprit', '{replica}')
PARTITION BY toYYYYMM(at)
ORDER BY (incident, host, victim_guest, class, culprit_guest, culprit_comm)
TTL toDateTime(at) + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS hiddenq.culprit ON CLUSTER '{cluster}' AS hiddenq.culprit_local
ENGINE = Distributed('{cluster}', 'hiddenq', 'culprit_local', cityHash64(incident));

CREATE TABLE IF NOT EXISTS hiddenq.steal_local ON CLUSTER '{cluster}'
(
  incident String COMMENT 'Key of the incident',
  guest LowCardinality(String) COMMENT 'The guest',
  host LowCardinality(String) COMMENT 'Its host; empty where no host was traced',
  at DateTime64(3, 'UTC') COMMENT 'The second',
  guest_reported_pct Nullable(Float64) COMMENT 'Steal as the guest counts it, percent of its vCPUs',
  host_measured_pct Nullable(Float64) COMMENT 'Waits of its vCPU threads, percent of the same'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hiddenq/steal', '{replica}')
PARTITION BY toYYYYMM(at)
ORDER BY (incident, guest, at)
TTL toDateTime(at) + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS hiddenq.steal ON CLUSTER '{cluster}' AS hiddenq.steal_local
ENGINE = Distributed('{cluster}', 'hiddenq', 'steal_local', cityHash64(incident));

CREATE TABLE IF NOT EXISTS hiddenq.finding_local ON CLUSTER '{cluster}'
(
  incident String COMMENT 'Key of the incident',
  at DateTime64(9, 'UTC') COMMENT 'Start of its reference trace',
  host LowCardinality(String) COMMENT 'The host of the guest; empty where no host was traced',
  guest LowCardinality(String) COMMENT 'The guest it is about; empty when it is about none',
  number UInt32 COMMENT 'Its place in the incident',
  code LowCardinality(String) COMMENT 'As STEAL_HIDDEN',
  severity LowCardinality(String) COMMENT 'info, warning or critical',
  confidence LowCardinality(String) COMMENT 'none, low, medium or high',
  sentence String COMMENT 'What is so',
  next_step String COMMENT 'What to do',
  began Nullable(DateTime64(3, 'UTC')) COMMENT 'When it began',
  ended Nullable(DateTime64(3, 'UTC')) COMMENT 'When it ended',
  explains_ms Nullable(Float64) COMMENT 'What it cost the I/Os of its guest, together',
  consequence_of Nullable(UInt32) COMMENT 'The place of the finding that it is a consequence of'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hiddenq/finding', '{replica}')
PARTITION BY toYYYYMM(at)
ORDER BY (incident, number)
TTL toDateTime(at) + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS hiddenq.finding ON CLUSTER '{cluster}' AS hiddenq.finding_local
ENGINE = Distributed('{cluster}', 'hiddenq', 'finding_local', cityHash64(incident));

-- Filled by you: what no trace says of a host.
CREATE TABLE IF NOT EXISTS hiddenq.host_local ON CLUSTER '{cluster}'
(
  host LowCardinality(String) COMMENT 'Its name in the incidents',
  generation LowCardinality(String) COMMENT 'Its hardware generation',
  site LowCardinality(String) COMMENT 'Where it stands',
  since DateTime DEFAULT now() COMMENT 'The newest row of a host counts'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hiddenq/host', '{replica}', since)
ORDER BY host;

CREATE TABLE IF NOT EXISTS hiddenq.host ON CLUSTER '{cluster}' AS hiddenq.host_local
ENGINE = Distributed('{cluster}', 'hiddenq', 'host_local', cityHash64(host));
