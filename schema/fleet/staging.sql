-- For incidents whose file the server cannot open: the client reads what `hiddenq export --format jsonl`
-- wrote, into tables of its session, from which load.sql reads instead.

CREATE TEMPORARY TABLE staged_source
(
  path Nullable(String), sha256 Nullable(String), bytes Nullable(Int64), format Nullable(String),
  machine Nullable(String), layer Nullable(String), events Nullable(Int64),
  skipped_lines Nullable(Int64), lost_events Nullable(Int64)
);
INSERT INTO staged_source FROM INFILE {{source.jsonl}} FORMAT JSONEachRow;

CREATE TEMPORARY TABLE staged_device_map
(
  guest Nullable(String), guest_device Nullable(String), host Nullable(String)
);
INSERT INTO staged_device_map FROM INFILE {{device_map.jsonl}} FORMAT JSONEachRow;

CREATE TEMPORARY TABLE staged_io
(
  guest Nullable(String), device Nullable(String), op Nullable(String),
  reference_ns Nullable(Int64), page_cache_ns Nullable(Int64),
  guest_scheduler_ns Nullable(Int64), virtio_queue_ns Nullable(Int64),
  virtio_submit_ns Nullable(Int64), virtio_return_ns Nullable(Int64),
  host_scheduler_ns Nullable(Int64), hardware_queue_ns Nullable(Int64),
  block_ns Nullable(Int64), total_ns Nullable(Int64), match_grade Nullable(String)
);
INSERT INTO staged_io FROM INFILE {{io.jsonl}} FORMAT JSONEachRow;

CREATE TEMPORARY TABLE staged_thread_wait
(
  machine Nullable(String), guest Nullable(String), role Nullable(String), comm Nullable(String),
  tid Nullable(Int64), thread_id Nullable(Int64), run_ns Nullable(Int64), wait_ns Nullable(Int64),
  waits Nullable(Int64), max_wait_ns Nullable(Int64), migrations Nullable(Int64)
);
INSERT INTO staged_thread_wait FROM INFILE {{thread_wait.jsonl}} FORMAT JSONEachRow;

CREATE TEMPORARY TABLE staged_culprit
(
  machine Nullable(String), victim_guest Nullable(String), culprit_guest Nullable(String),
  culprit_comm Nullable(String), class Nullable(String), wait_ns Nullable(Int64)
);
INSERT INTO staged_culprit FROM INFILE {{culprit.jsonl}} FORMAT JSONEachRow;

CREATE TEMPORARY TABLE staged_steal
(
  guest Nullable(String), at_ns Nullable(Int64), guest_reported_pct Nullable(Float64),
  host_measured_pct Nullable(Float64)
);
INSERT INTO staged_steal FROM INFILE {{steal.jsonl}} FORMAT JSONEachRow;

CREATE TEMPORARY TABLE staged_finding
(
  finding_id Nullable(Int64), code Nullable(String), severity Nullable(String),
  guest Nullable(String), sentence Nullable(String), confidence Nullable(String),
  next_step Nullable(String)
);
INSERT INTO staged_finding FROM INFILE {{finding.jsonl}} FORMAT JSONEachRow;
