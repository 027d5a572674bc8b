-- Where I/Os around the median and around the p99 spent it, in ms.
SELECT slow.guest, slow.device, slow.op, slow.hop, round(middle.mean_ns / 1e6, 3) AS p50_ms,
  round(slow.mean_ns / 1e6, 3) AS p99_ms, round((slow.mean_ns - middle.mean_ns) / 1e6, 3) AS more_ms,
  round(100 * slow.share, 1) AS share_of_p99_pct
FROM tail AS slow
JOIN tail AS middle USING (guest, device, op, hop)
WHERE slow.percentile = 99 AND middle.percentile = 50 AND slow.hop <> 'virtio_queue'
ORDER BY slow.guest, slow.device, slow.op, more_ms DESC;
