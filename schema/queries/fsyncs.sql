-- The slowest fsyncs: waits for their own writes and the journal.
SELECT machine, comm, tid, round(from_ns / 1e9, 6) AS at_s, round(length_ns / 1e6, 3) AS took_ms,
  writes, round(data_ns / 1e6, 3) AS data_ms, round(journal_ns / 1e6, 3) AS journal_ms, data_only,
  result
FROM fsync
WHERE length_ns IS NOT NULL
ORDER BY length_ns DESC, sync_id
LIMIT 20;
