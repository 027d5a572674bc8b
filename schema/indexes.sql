-- Made after correlate has filled its tables.
CREATE INDEX IF NOT EXISTS guest_io_request ON guest_io (request_id);
CREATE INDEX IF NOT EXISTS merged_bio_request ON merged_bio (request_id);
