-- Loads one incident. `hiddenq fleet load` fills in what stands in double braces: the key of the
-- incident, its start, its file, and each view of it as a table that ClickHouse can read.
--
-- The incident's own row comes last: where it is, all else is.

INSERT INTO hiddenq.source
SELECT
  {{incident}} AS incident,
  {{at}} AS at,
  assumeNotNull(machine) AS machine,
  assumeNotNull(layer) AS layer,
  assumeNotNull(sha256) AS sha256,
  assumeNotNull(path) AS path,
  assumeNotNull(format) AS format,
  toUInt64(assumeNotNull(bytes)) AS bytes,
  toUInt64(assumeNotNull(events)) AS events,
  toUInt64(assumeNotNull(skipped_lines)) AS skipped_lines,
  toUInt64(assumeNotNull(lost_events)) AS lost_events
FROM {{source}};

-- A disk that was joined with a host counts its certain matches only, as hop_summary does.
INSERT INTO hiddenq.hop_interval
WITH
  (
    SELECT groupUniqArray((assumeNotNull(map.guest), assumeNotNull(map.guest_device)))
    FROM {{device_map}} AS map
  ) AS joined,
  (
    SELECT groupUniqArray((assumeNotNull(map.guest), assumeNotNull(map.host)))
    FROM {{device_map}} AS map
  ) AS hosts
SELECT
  {{incident}} AS incident,
  arrayFirst(pair -> pair.1 = guest, hosts).2 AS host,
  assumeNotNull(io.guest) AS guest,
  assumeNotNull(io.device) AS device,
  assumeNotNull(io.op) AS op,
  stretch.1 AS hop,
  {{at}} + toIntervalSecond(10 * intDiv(assumeNotNull(io.reference_ns), 10000000000)) AS at,
  count() AS count,
  sum(assumeNotNull(stretch.2)) AS sum_ns,
  max(assumeNotNull(stretch.2)) AS max_ns,
  quantilesTDigestState(0.5, 0.9, 0.99, 0.999)(assumeNotNull(stretch.2)) AS latency
FROM {{io}} AS io
ARRAY JOIN
  [
    {{hops io}}
  ] AS stretch
WHERE isNotNull(stretch.2) AND isNotNull(io.reference_ns)
  AND (
    NOT has(joined, (assumeNotNull(io.guest), assumeNotNull(io.device)))
    OR (io.match_grade IN {{certain}} AND isNotNull(io.block_ns))
  )
GROUP BY guest, device, op, hop, at;

INSERT INTO hiddenq.thread_wait
SELECT
  {{incident}} AS incident,
  {{at}} AS at,
  assumeNotNull(machine) AS host,
  ifNull(thread_wait.guest, '') AS guest,
  assumeNotNull(thread_wait.role) AS role,
  assumeNotNull(thread_wait.comm) AS comm,
  assumeNotNull(thread_wait.tid) AS tid,
  assumeNotNull(thread_wait.thread_id) AS thread,
  toUInt64(assumeNotNull(thread_wait.run_ns)) AS run_ns,
  toUInt64(assumeNotNull(thread_wait.wait_ns)) AS wait_ns,
  toUInt64(assumeNotNull(thread_wait.waits)) AS waits,
  toUInt64(ifNull(thread_wait.max_wait_ns, 0)) AS max_wait_ns,
  toUInt64(assumeNotNull(thread_wait.migrations)) AS migrations
FROM {{thread_wait}} AS thread_wait
WHERE thread_wait.role IN {{guest_roles}};

INSERT INTO hiddenq.culprit
SELECT
  {{incident}} AS incident,
  {{at}} AS at,
  assumeNotNull(culprit.machine) AS host,
  assumeNotNull(culprit.victim_guest) AS victim_guest,
  ifNull(culprit.culprit_guest, '') AS culprit_guest,
  ifNull(culprit.culprit_comm, '') AS culprit_comm,
  assumeNotNull(culprit.class) AS class,
  toUInt64(sum(assumeNotNull(culprit.wait_ns))) AS wait_ns
FROM {{culprit}} AS culprit
WHERE isNotNull(culprit.victim_guest)
GROUP BY host, victim_guest, culprit_guest, culprit_comm, class;

INSERT INTO hiddenq.steal
WITH
  (
    SELECT groupUniqArray((assumeNotNull(map.guest), assumeNotNull(map.host)))
    FROM {{device_map}} AS map
  ) AS hosts
SELECT
  {{incident}} AS incident,
  assumeNotNull(steal.guest) AS guest,
  arrayFirst(pair -> pair.1 = steal.guest, hosts).2 AS host,
  {{at}} + toIntervalMillisecond(intDiv(assumeNotNull(steal.at_ns), 1000000)) AS at,
  toFloat64OrNull(toString(steal.guest_reported_pct)) AS guest_reported_pct,
  toFloat64OrNull(toString(steal.host_measured_pct)) AS host_measured_pct
FROM {{steal}} AS steal
WHERE isNotNull(steal.at_ns);

INSERT INTO hiddenq.finding
WITH
  (
    SELECT groupUniqArray((assumeNotNull(map.guest), assumeNotNull(map.host)))
    FROM {{device_map}} AS map
  ) AS hosts
SELECT
  {{incident}} AS incident,
  {{at}} AS at,
  arrayFirst(pair -> pair.1 = finding.guest, hosts).2 AS host,
  ifNull(finding.guest, '') AS guest,
  toUInt32(assumeNotNull(finding.finding_id)) AS number,
  assumeNotNull(finding.code) AS code,
  assumeNotNull(finding.severity) AS severity,
  assumeNotNull(finding.confidence) AS confidence,
  assumeNotNull(finding.sentence) AS sentence,
  assumeNotNull(finding.next_step) AS next_step,
  {{at}} + toIntervalMillisecond(intDiv(finding.from_ns, 1000000)) AS began,
  {{at}} + toIntervalMillisecond(intDiv(finding.to_ns, 1000000)) AS ended,
  finding.explains_ns / 1000000 AS explains_ms,
  toUInt32OrNull(toString(finding.consequence_of)) AS consequence_of
FROM {{finding}} AS finding;

INSERT INTO hiddenq.incident
WITH
  (
    SELECT (count(), countIf(match_grade IN {{certain}}))
    FROM {{io}}
  ) AS counted
SELECT
  {{incident}} AS incident,
  {{at}} AS at,
  {{file}} AS file,
  groupUniqArrayIf(assumeNotNull(machine), layer = 'host') AS hosts,
  groupUniqArrayIf(assumeNotNull(machine), layer = 'guest') AS guests,
  toUInt32(count()) AS sources,
  toUInt64(sum(assumeNotNull(source.events))) AS events,
  toUInt64(sum(assumeNotNull(source.lost_events))) AS lost_events,
  counted.1 AS ios,
  counted.2 AS matched_ios,
  now() AS loaded_at
FROM {{source}} AS source
GROUP BY incident, at, file;
