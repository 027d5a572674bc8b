-- Why a virtual CPU left the guest, as KVM's tracepoints tell, and how long until it was back in.
CREATE VIEW kvm_exit AS
SELECT
  -- The host.
  machine.name AS machine,
  -- The thread on the host.
  kvm_vcpu.tid AS tid,
  -- The number of the virtual CPU; NULL where the trace does not say.
  kvm_vcpu.vcpu AS vcpu,
  -- The reason, as KVM names it on that kind of CPU: 'hlt', 'EPT_VIOLATION', 'WFx'.
  kvm_exit_sum.reason AS reason,
  -- How many exits whose entry was seen.
  kvm_exit_sum.count AS count,
  -- From exits to entries, together, in ns.
  kvm_exit_sum.sum_ns AS total_ns,
  -- On average, in ns.
  1.0 * kvm_exit_sum.sum_ns / kvm_exit_sum.count AS mean_ns,
  -- The shortest, in ns.
  kvm_exit_sum.min_ns AS min_ns,
  -- The longest, in ns.
  kvm_exit_sum.max_ns AS max_ns,
  -- 1 for a halt: the virtual CPU had nothing to do.
  kvm_exit_sum.is_halt AS is_halt,
  -- The file it was read from.
  kvm_vcpu.source_id AS source_id
FROM kvm_exit_sum
JOIN kvm_vcpu USING (kvm_vcpu_id)
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
WHERE source_file.duplicate_of IS NULL;
