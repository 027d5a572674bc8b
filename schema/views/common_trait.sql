-- What the slow I/Os of a guest's disk have in common that the others have less often, the most telling first: at most
-- five per disk. Each is sought among the I/Os that have none of the traits before it. It is an association: what is told
-- may itself follow from the cause.
CREATE VIEW common_trait AS
SELECT
  {{columns tail_trait guest trait}},
  -- Which one: a name, or 'write', '64 KiB', 'sectors 2048 to 4095', 'sequential', 'vCPU 1', 'a flush', 'a journal commit',
  -- 'a neighbour''s request'.
  coalesce(name, word) AS value,
  {{columns tail_trait slow_from_ns slow_having}},
  -- That part of them, 0 to 1.
  1.0 * slow_having / slow_ios AS slow_share,
  {{columns tail_trait rest_ios rest_having}},
  -- That part of them, 0 to 1.
  1.0 * rest_having / rest_ios AS rest_share,
  {{columns tail_trait low_times}}
FROM tail_trait;
