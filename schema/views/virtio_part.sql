-- What the halves of the virtio queue (H3) of a guest's I/Os are made of: what the thread that had to act did meanwhile. Of
-- the I/Os that a scheduler trace of the host covers, without flushes. The parts of a half add up to it.
CREATE VIEW virtio_part AS
SELECT
  {{columns virtio_part_sum guest hop}},
  -- NULL: the whole half. 'cpu_wait:NAME': the thread waited for a CPU that NAME held. 'busy:vcpu', 'busy:host_thread': it
  -- ran; 'busy_others:': and was done with another I/O after that. 'asleep:': it waited for an event; 'blocked:': for I/O or a
  -- lock. 'clock': no thread could do what the clocks say, within their bound. 'unattributed': the remainder. In brackets who
  -- has no name, 'cpu_wait:(kernel)'.
  part || coalesce(':' || part_name, '') AS part,
  {{columns virtio_part_sum ios sum_ns}},
  -- On average, in ns.
  1.0 * sum_ns / ios AS mean_ns,
  -- Its share of the half, 0 to 1; NULL of a half without time.
  1.0 * sum_ns / nullif(sum(sum_ns) FILTER (WHERE part IS NULL) OVER (PARTITION BY guest, device, op, hop), 0)
    AS share
FROM virtio_part_sum;
