-- For incidents whose file the server cannot open: the client reads what `hiddenq export --format jsonl`
-- wrote, into tables of its session, from which load.sql reads instead. For each view, with those of its
-- columns that load.sql names.

CREATE TEMPORARY TABLE staged_{{view}}
(
  {{columns}}
);
INSERT INTO staged_{{view}} FROM INFILE {{file}} FORMAT JSONEachRow;
