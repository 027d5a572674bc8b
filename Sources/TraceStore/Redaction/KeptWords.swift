internal import TraceModel

/// Words that stay where they stand in a redacted copy: the vocabulary of tools, of QEMU's command line, of
/// the kernel's settings and of our own texts. A word that is not here is somebody's.
enum KeptWords {
  /// Those of a kind of column. A thread or file that is called like a setting is still somebody's.
  static func of(_ kind: RedactedKind) -> Set<String> {
    switch kind {
    case .machines: []
    case .threads: ["mon_iothread"]
    case .files: files
    case .devices: devices
    case .settings: settings
    }
  }

  private static let files = words([paths])
  private static let devices = words([paths, roles, network, buses, esxi]).union(
    Hypervisor.processNames)
  private static let settings = devices.union(
    words([queueSettings, qemuOptions, qemuWords, headers, extents]))

  private static func words(_ lists: [[String]]) -> Set<String> {
    Set(lists.joined().flatMap { $0.split(separator: " ").map(String.init) })
  }

  /// Endings of file names that tell the kind of a file.
  static let fileEndings: Set<String> = [
    "gz", "xz", "zst", "bz2", "txt", "log", "out", "json", "yaml", "yml", "csv", "dat", "data",
    "db",
    "blktrace", "perf", "trace", "tar", "raw", "img", "qcow2", "vmdk", "vdi", "vhdx", "iso", "sock",
    "pid", "sh", "py", "service", "conf", "xml",
  ]

  private static let roles = [
    "CPU vCPU IO KVM TCG MSHV worker node cpu domain disk task process machine iothread",
    "mon_iothread iothread0 iothread1 iothread2 iothread3 vhost emulator",
  ]
  private static let paths = [
    "guest host dev mapper proc sys by-id by-path by-uuid by-label disk fd vhost-net"
  ]
  private static let buses = ["peripheral peripheral-anon virtio-backend device"]
  /// Groups of worlds that each host has, and ports of its own.
  private static let esxi = [
    "idle system helper drivers ft vmotion Shadow of Management PVSCSI LSI group leader vcpus"
  ]
  private static let queueSettings = [
    "scheduler nr_requests rotational write_cache nomerges rq_affinity read_ahead_kb max_sectors_kb",
    "logical_block_size physical_block_size wbt_lat_usec io_poll mq hctx start size queue_depth",
    "nr_tags nr_reserved_tags nr_hw_queues cpu_list io_poll_delay iostats add_random fua dax zoned",
    "hw_sector_size max_hw_sectors_kb max_segments minimum_io_size optimal_io_size discard_granularity",
    "mq-deadline none kyber bfq noop deadline cfq write back through loop part crypt lvm rom raid0",
    "raid1 raid5 raid6 raid10 mpath linear striped thin thin-pool cache snapshot",
  ]
  private static let network = [
    "address master mtu lo rx tx root ingress clsact parent qdisc driver queue softnet tap bridge NIC",
    "wire current pre-set RX TX noqueue pfifo pfifo_fast bfifo fq fq_codel mq htb tbf netem sfq cake",
    "prio codel hfsc multiq dropped",
  ]
  private static let qemuOptions = [
    "name machine accel cpu smp m object numa kernel initrd append nodefaults display serial",
    "no-reboot blockdev device netdev net nic qmp rtc pidfile msg trace drive hda cdrom boot vnc spice",
    "monitor mon chardev nographic daemonize enable-kvm no-user-config uuid sandbox realtime overcommit",
    "global no-hpet no-shutdown no-acpi bios pflash usb vga mem-path mem-prealloc runas incoming readonly",
    "smbios fw_cfg tpmdev virtfs fsdev iscsi parallel audiodev audio action run-with compat pid D d S",
  ]
  private static let qemuWords = [
    "debug-threads on off yes no auto true false tcg kvm thread multi single max host qemu64 q35 pc",
    "pc-q35 pc-i440fx virt microvm memory-backend-ram memory-backend-file memory-backend-memfd",
    "memory-backend prealloc share policy bind host-nodes size id node nodeid cpus memdev dist src dst",
    "val sockets cores threads dies maxcpus file raw qcow2 format if virtio none cache writeback",
    "writethrough unsafe directsync direct no-flush aio native io_uring threads discard unmap",
    "detect-zeroes driver node-name filename backing read-only auto-read-only host_device iothread",
    "iothread-vq-mapping virtio-blk-pci virtio-blk virtio-blk-device virtio-scsi-pci virtio-net-pci",
    "virtio-net virtio-rng-pci virtio-balloon-pci virtio-serial-pci vhost-user-blk-pci scsi-hd scsi-cd",
    "ide-hd nvme drive queue-size num-queues rx_queue_size tx_queue_size queues vectors mq packed bus",
    "addr bootindex ifname script downscript vhost vhostfd vhostfds fds mac netdev tap user bridge",
    "hostfwd rng-random rng chardev socket unix server wait path console pty stdio null file mode",
    "readline control base utc localtime clock rt vm driftfix slew timestamp events mitigations panic",
    "tsc reliable tty0 root rw ro quiet pci pcie-root-port pcie.0 pci.0",
    "iops iops_rd iops_wr bps bps_rd bps_wr iops_max iops_rd_max iops_wr_max bps_max bps_rd_max bps_wr_max",
    "cpu_quota vcpu_quota throttling iops-total bps-total werror rerror stop report ignore enospc",
  ]
  private static let headers = [
    "captured on hostname os release perf version arch nrcpus online avail cpudesc cpuid total memory",
    "trace-cmd trace_clock local global mono mono_raw boot tai x86-tsc tsc2nsec tsc conversion shift mult zero",
    "time peer ptp no samples offset offsets to scaling CPUs is",
    "cmdline time of first last sample clockid reference tracer blk monotonic TOD realtime boottime raw",
    "sample duration missing features tsc local global x86 mono x86_64 aarch64 ppc64le s390x",
    "Mon Tue Wed Thu Fri Sat Sun Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec UTC",
    "blktrace perf-sched wall ftrace CLOCK_REALTIME CLOCK_MONOTONIC CLOCK_MONOTONIC_RAW CLOCK_BOOTTIME",
    "CLOCK_TAI nop function function_graph",
  ]
  private static let extents = [
    "depth present zero data compressed last eof unwritten shared encoded inline unknown not_aligned",
    "delalloc merged unknown_loc encrypted",
  ]
}
