-- Where a virtual CPU was, as KVM's tracepoints tell: the times are from one entry or exit to the next, and
-- what the trace does not show is in none of them.
CREATE VIEW vcpu_state AS
SELECT
  -- The host.
  machine.name AS machine,
  -- The guest; NULL where that is not known.
  (SELECT thread_owner.guest
   FROM sched_thread JOIN thread_owner USING (thread_id) JOIN source_file AS traced USING (source_id)
   WHERE traced.machine_id = source_file.machine_id AND sched_thread.tid = kvm_vcpu.tid
     AND thread_owner.guest IS NOT NULL LIMIT 1) AS guest,
  -- The thread on the host.
  kvm_vcpu.tid AS tid,
  -- The number of the virtual CPU; NULL where the trace does not say.
  kvm_vcpu.vcpu AS vcpu,
  -- In the guest, in ns; it includes what its thread waited for a CPU when it was preempted without an exit.
  kvm_vcpu.guest_ns AS guest_ns,
  -- Out of it for any reason but a halt, in ns: the hypervisor's work, and its waits for a CPU.
  (SELECT coalesce(sum(sum_ns), 0) FROM kvm_exit_sum
   WHERE kvm_exit_sum.kvm_vcpu_id = kvm_vcpu.kvm_vcpu_id AND is_halt = 0) AS hypervisor_ns,
  -- Halted, in ns: it had nothing to do, until it was woken and on a CPU again.
  (SELECT coalesce(sum(sum_ns), 0) FROM kvm_exit_sum
   WHERE kvm_exit_sum.kvm_vcpu_id = kvm_vcpu.kvm_vcpu_id AND is_halt = 1) AS halted_ns,
  -- From its first event to its last, in ns.
  kvm_vcpu.last_ns - kvm_vcpu.first_ns AS span_ns,
  -- How often it was entered and left again.
  kvm_vcpu.entries AS entries,
  -- The file it was read from.
  kvm_vcpu.source_id AS source_id
FROM kvm_vcpu
JOIN source_file USING (source_id)
JOIN machine USING (machine_id)
WHERE source_file.duplicate_of IS NULL;
