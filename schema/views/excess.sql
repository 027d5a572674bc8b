-- By how much a hop changed from the baseline to a phase, per I/O: over the requests of a guest, without flushes. The
-- differences of the hops add up to that of the total, and those of the parts of a hop to that of the hop.
CREATE VIEW excess AS
SELECT
  {{columns hop_excess guest hop}},
  -- NULL: the whole hop. Else a part of it: 'cpu_wait:NAME', 'busy:', 'busy_others:', 'asleep:' and 'blocked:' with 'vcpu'
  -- or 'host_thread', 'clock', 'behind:NAME', 'behind:own', 'ring_full', 'flush', 'device', 'unattributed'; in brackets
  -- who has no name, 'cpu_wait:(kernel)'.
  part || coalesce(':' || part_name, '') AS part,
  {{columns hop_excess baseline_count}}
FROM hop_excess;
