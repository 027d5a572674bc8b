internal import TraceModel

/// Names of threads that say what a thread does and that no person chose.
enum ThreadName {
  /// Whether the whole name is such a one: idle tasks, QEMU's virtual CPUs, vhost's and io_uring's workers, the
  /// hypervisor, threads of the kernel, and the tools that trace.
  static func isRole(_ name: String) -> Bool {
    if name.isEmpty || whole.contains(name) { return true }
    if Hypervisor.vcpu(ofThread: name) != nil || Hypervisor.vhostProcess(ofThread: name) != nil {
      return true
    }
    if isLimit(name) { return true }
    for kind in numbered where name.hasPrefix(kind) {
      if isDigits(name.dropFirst(kind.count)) { return true }
    }
    // The kernel cuts names after 15 bytes.
    return name.utf8.count >= 15 && cut.contains { $0.hasPrefix(name) }
  }

  /// `I/O limit of 200 IOPS`: the name of a cause other than a thread.
  private static func isLimit(_ name: String) -> Bool {
    let head = "I/O limit of "
    guard name.hasPrefix(head) else { return false }
    let words = name.dropFirst(head.count).split(separator: " ")
    return words.count == 2 && ["IOPS", "MB/s"].contains(words[1])
      && words[0].utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2C || $0 == 0x2E }
  }

  /// The beginning of a name that only threads of the kernel bear, up to and with its `/`; behind it stand
  /// numbers, devices and names of work queues (`kworker/u8:2-writeback`, `jbd2/vda1-8`).
  static func kernelHead(_ name: String) -> String? {
    heads.first { name.hasPrefix($0) }
  }

  /// Whether a part of what follows is the kernel's: `u8`, `1H`, `R`, `writeback`, `vda1`. The last part may
  /// have been cut.
  static func isKernelWord(_ word: String, mayBeCut: Bool) -> Bool {
    if word.isEmpty || isDigits(word) || workqueueWords.contains(word)
      || DeviceName.isKernels(word)
    {
      return true
    }
    if word.hasPrefix("u"), isDigits(word.dropFirst()) { return true }
    if word.hasSuffix("H"), isDigits(word.dropLast()) { return true }
    return mayBeCut && word.count >= 2 && workqueueWords.contains { $0.hasPrefix(word) }
  }

  private static func isDigits(_ text: some StringProtocol) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  private static let numbered =
    Hypervisor.ioThreadHeads.map { $0 + "iothread" } + [
      "swapper/", "iou-wrk-", "iou-sqp-", "ksoftirqd/", "migration/", "cpuhp/", "idle_inject/",
      "watchdog/", "ktimers/", "kvm-pit/",
      "kvm-nx-lpage-recovery-", "kswapd", "kcompactd", "loop", "scsi_eh_", "scsi_tmf_", "rcuc/",
      "rcub/", "rcuog/", "rcuop/", "rcuos/", "rcuob/", "rcu_exp_par_gp_kthread_worker/",
    ]

  private static let whole = Hypervisor.processNames.union(Hypervisor.helpers).union([
    "swapper", "<idle>", "<...>", "kthreadd", "khugepaged", "ksmd", "kauditd",
    "khungtaskd", "oom_reaper", "kdevtmpfs", "kthrotld", "kblockd", "kintegrityd", "writeback",
    "watchdogd", "psimon", "rcu_gp", "rcu_par_gp", "rcu_preempt", "rcu_sched", "rcu_tasks_kthre",
    "rcu_tasks_trace", "rcu_tasks_rude_", "rcu_tasks_kthread", "rcu_tasks_rude_kthread",
    "rcu_tasks_trace_kthread", "rcu_exp_gp_kthread_worker", "mm_percpu_wq", "slub_flushwq", "netns",
    "pool_workqueue_release", "kdamond.0", "txg_sync", "worker", "call_rcu",
    // What traces is told from what works: the rules do.
    "perf", "blktrace", "trace-cmd",
  ])

  /// Names longer than the kernel keeps.
  private static let cut =
    whole.filter { $0.utf8.count > 15 } + [
      "kvm-nx-lpage-recovery", "ext4-rsv-conversion",
    ]

  private static let heads =
    Hypervisor.ioThreadHeads + [
      "kworker/", "jbd2/", "xfsaild/", "xfs-", "btrfs-", "irq/", "napi/", "dmcrypt_write/",
      "kcryptd/",
      "nvme-", "dio/",
    ]

  private static let workqueueWords: Set<String> = [
    "R", "events", "events_unbound", "events_highpri", "events_long", "events_freezable",
    "events_power_efficient", "rcu_gp", "rcu_par_gp", "mm_percpu_wq", "kblockd", "writeback",
    "flush",
    "wb", "dio", "ext4", "rsv", "conversion", "xfs", "conv", "buf", "log", "reclaim", "cil",
    "blockgc", "inodegc", "sync", "btrfs", "endio", "write", "delalloc", "worker", "cache", "loop",
    "virtio_vsock", "netns", "slub_flushwq", "inet_frag_wq", "ipv6_addrconf", "kthrotld", "kstrp",
    "mld", "quota_events_unbound", "sync_wq", "kvfree_rcu_reclaim", "blkcg_punt_bio", "xfsalloc",
    "xfs_mru_cache", "iou_exit", "kcryptd", "kcryptd_io", "dm", "crypt", "thin", "md", "md_misc",
    "nvme", "wq", "reset", "delete", "kvm", "irqfd_cleanup", "virtio", "scsi", "ata_sff", "pm",
    "cgroup_destroy", "memcg", "cgwb_release", "ACPI", "acpi", "Ged", "i8042", "input", "output",
    "req", "req.0", "config", "iothread", "mon_iothread", "edac", "poller", "devfreq_wq",
  ]
}
