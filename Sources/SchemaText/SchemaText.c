// The SQL of schema/ and the script of capture/ as text in the program. The list below is the order of execution.
#include "SchemaText.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const char tables[] = {
#embed "../../schema/tables.sql" suffix(, 0)
};
static const char viewSource[] = {
#embed "../../schema/views/source.sql" suffix(, 0)
};
static const char viewProblem[] = {
#embed "../../schema/views/problem.sql" suffix(, 0)
};
static const char viewClock[] = {
#embed "../../schema/views/clock.sql" suffix(, 0)
};
static const char viewDeviceMap[] = {
#embed "../../schema/views/device_map.sql" suffix(, 0)
};
static const char viewRequest[] = {
#embed "../../schema/views/request.sql" suffix(, 0)
};
static const char viewStage[] = {
#embed "../../schema/views/stage.sql" suffix(, 0)
};
static const char viewIO[] = {
#embed "../../schema/views/io.sql" suffix(, 0)
};
static const char viewIOHop[] = {
#embed "../../schema/views/io_hop.sql" suffix(, 0)
};
static const char viewIOCount[] = {
#embed "../../schema/views/io_count.sql" suffix(, 0)
};
static const char viewHopSummary[] = {
#embed "../../schema/views/hop_summary.sql" suffix(, 0)
};
static const char viewHeader[] = {
#embed "../../schema/views/header.sql" suffix(, 0)
};
static const char viewTail[] = {
#embed "../../schema/views/tail.sql" suffix(, 0)
};
static const char viewWhatIf[] = {
#embed "../../schema/views/what_if.sql" suffix(, 0)
};
static const char viewPhase[] = {
#embed "../../schema/views/phase.sql" suffix(, 0)
};
static const char viewExcess[] = {
#embed "../../schema/views/excess.sql" suffix(, 0)
};
static const char viewCleared[] = {
#embed "../../schema/views/cleared.sql" suffix(, 0)
};
static const char viewPhaseCause[] = {
#embed "../../schema/views/phase_cause.sql" suffix(, 0)
};
static const char viewWallTime[] = {
#embed "../../schema/views/wall_time.sql" suffix(, 0)
};
static const char viewPause[] = {
#embed "../../schema/views/pause.sql" suffix(, 0)
};
static const char viewIOLimit[] = {
#embed "../../schema/views/io_limit.sql" suffix(, 0)
};
static const char viewDiskCounter[] = {
#embed "../../schema/views/disk_counter.sql" suffix(, 0)
};
static const char viewCPUCounter[] = {
#embed "../../schema/views/cpu_counter.sql" suffix(, 0)
};
static const char viewAvoidableWait[] = {
#embed "../../schema/views/avoidable_wait.sql" suffix(, 0)
};
static const char viewVirtioPart[] = {
#embed "../../schema/views/virtio_part.sql" suffix(, 0)
};
static const char viewRecorderCost[] = {
#embed "../../schema/views/recorder_cost.sql" suffix(, 0)
};
static const char viewIOPart[] = {
#embed "../../schema/views/io_part.sql" suffix(, 0)
};
static const char viewCommonTrait[] = {
#embed "../../schema/views/common_trait.sql" suffix(, 0)
};
static const char viewLatencyInterval[] = {
#embed "../../schema/views/latency_interval.sql" suffix(, 0)
};
static const char viewLatencyCell[] = {
#embed "../../schema/views/latency_cell.sql" suffix(, 0)
};
static const char viewDeviceInterval[] = {
#embed "../../schema/views/device_interval.sql" suffix(, 0)
};
static const char viewWaitInterval[] = {
#embed "../../schema/views/wait_interval.sql" suffix(, 0)
};
static const char viewQueueDepth[] = {
#embed "../../schema/views/queue_depth.sql" suffix(, 0)
};
static const char viewDiskNeighbour[] = {
#embed "../../schema/views/disk_neighbour.sql" suffix(, 0)
};
static const char viewQueueStall[] = {
#embed "../../schema/views/queue_stall.sql" suffix(, 0)
};
static const char viewFinding[] = {
#embed "../../schema/views/finding.sql" suffix(, 0)
};
static const char viewCulprit[] = {
#embed "../../schema/views/culprit.sql" suffix(, 0)
};
static const char viewNodeSize[] = {
#embed "../../schema/views/node_size.sql" suffix(, 0)
};
static const char viewNUMAPlacement[] = {
#embed "../../schema/views/numa_placement.sql" suffix(, 0)
};
static const char viewNUMAMigration[] = {
#embed "../../schema/views/numa_migration.sql" suffix(, 0)
};
static const char viewNetPath[] = {
#embed "../../schema/views/net_path.sql" suffix(, 0)
};
static const char viewNetTotal[] = {
#embed "../../schema/views/net_total.sql" suffix(, 0)
};
static const char viewSteal[] = {
#embed "../../schema/views/steal.sql" suffix(, 0)
};
static const char viewStealReconciliation[] = {
#embed "../../schema/views/steal_reconciliation.sql" suffix(, 0)
};
static const char viewVCPUState[] = {
#embed "../../schema/views/vcpu_state.sql" suffix(, 0)
};
static const char viewKVMExit[] = {
#embed "../../schema/views/kvm_exit.sql" suffix(, 0)
};

static const char viewQEMURequest[] = {
#embed "../../schema/views/qemu_request.sql" suffix(, 0)
};

static const char viewQEMUStage[] = {
#embed "../../schema/views/qemu_stage.sql" suffix(, 0)
};
static const char viewClockCheck[] = {
#embed "../../schema/views/clock_check.sql" suffix(, 0)
};
static const char viewVCPUCheck[] = {
#embed "../../schema/views/vcpu_check.sql" suffix(, 0)
};
static const char viewThreadWait[] = {
#embed "../../schema/views/thread_wait.sql" suffix(, 0)
};
static const char viewThreadCPU[] = {
#embed "../../schema/views/thread_cpu.sql" suffix(, 0)
};
static const char viewThreadInterval[] = {
#embed "../../schema/program/thread_interval.sql" suffix(, 0)
};
static const char viewBlockEvent[] = {
#embed "../../schema/program/block_event.sql" suffix(, 0)
};
static const char viewSchedEvent[] = {
#embed "../../schema/program/sched_event.sql" suffix(, 0)
};
static const char viewSchedLatency[] = {
#embed "../../schema/views/sched_latency_summary.sql" suffix(, 0)
};

static const char indexes[] = {
#embed "../../schema/indexes.sql" suffix(, 0)
};

static const char queryHops[] = {
#embed "../../schema/queries/hops.sql" suffix(, 0)
};
static const char queryUnmatched[] = {
#embed "../../schema/queries/unmatched.sql" suffix(, 0)
};
static const char querySlowest[] = {
#embed "../../schema/queries/slowest.sql" suffix(, 0)
};
static const char querySums[] = {
#embed "../../schema/queries/sums.sql" suffix(, 0)
};
static const char queryPerSecond[] = {
#embed "../../schema/queries/per-second.sql" suffix(, 0)
};
static const char queryByProcess[] = {
#embed "../../schema/queries/by-process.sql" suffix(, 0)
};
static const char queryBySize[] = {
#embed "../../schema/queries/by-size.sql" suffix(, 0)
};
static const char queryTail[] = {
#embed "../../schema/queries/tail.sql" suffix(, 0)
};
static const char queryCPUCulprits[] = {
#embed "../../schema/queries/cpu-culprits.sql" suffix(, 0)
};
static const char queryCPUWaits[] = {
#embed "../../schema/queries/cpu-waits.sql" suffix(, 0)
};
static const char querySteal[] = {
#embed "../../schema/queries/steal.sql" suffix(, 0)
};
static const char queryRunQueues[] = {
#embed "../../schema/queries/run-queues.sql" suffix(, 0)
};
static const char queryDiskLoad[] = {
#embed "../../schema/queries/disk-load.sql" suffix(, 0)
};
static const char queryMemoryLoad[] = {
#embed "../../schema/queries/memory-load.sql" suffix(, 0)
};
static const char viewTaskWait[] = {
#embed "../../schema/views/task_wait.sql" suffix(, 0)
};
static const char queryFullQueues[] = {
#embed "../../schema/queries/full-queues.sql" suffix(, 0)
};
static const char queryDeviceUsers[] = {
#embed "../../schema/queries/device-users.sql" suffix(, 0)
};
static const char queryNetworkLoss[] = {
#embed "../../schema/queries/network-loss.sql" suffix(, 0)
};
static const char queryFsyncs[] = {
#embed "../../schema/queries/fsyncs.sql" suffix(, 0)
};
static const char viewVMCounter[] = {
#embed "../../schema/views/vm_counter.sql" suffix(, 0)
};
static const char viewNumaCounter[] = {
#embed "../../schema/views/numa_counter.sql" suffix(, 0)
};
static const char viewNetCounter[] = {
#embed "../../schema/views/net_counter.sql" suffix(, 0)
};
static const char viewEsxMatch[] = {
#embed "../../schema/views/esx_match.sql" suffix(, 0)
};
static const char viewEsxLayer[] = {
#embed "../../schema/views/esx_layer.sql" suffix(, 0)
};
static const char viewEsxHistogram[] = {
#embed "../../schema/views/esx_histogram.sql" suffix(, 0)
};
static const char viewEsxVM[] = {
#embed "../../schema/views/esx_vm.sql" suffix(, 0)
};
static const char viewEsxVCPU[] = {
#embed "../../schema/views/esx_vcpu.sql" suffix(, 0)
};
static const char viewEsxDisk[] = {
#embed "../../schema/views/esx_disk.sql" suffix(, 0)
};
static const char viewEsxPort[] = {
#embed "../../schema/views/esx_port.sql" suffix(, 0)
};
static const char viewEsxHost[] = {
#embed "../../schema/views/esx_host.sql" suffix(, 0)
};
static const char viewEsxUser[] = {
#embed "../../schema/views/esx_user.sql" suffix(, 0)
};
static const char viewCounterValue[] = {
#embed "../../schema/views/counter_value.sql" suffix(, 0)
};
static const char viewGivenDeviceMap[] = {
#embed "../../schema/views/given_device_map.sql" suffix(, 0)
};
static const char viewGivenClockRelation[] = {
#embed "../../schema/views/given_clock_relation.sql" suffix(, 0)
};
static const char viewDeviceName[] = {
#embed "../../schema/views/device_name.sql" suffix(, 0)
};
static const char viewFindingEvidence[] = {
#embed "../../schema/views/finding_evidence.sql" suffix(, 0)
};
static const char viewHopCell[] = {
#embed "../../schema/views/hop_cell.sql" suffix(, 0)
};
static const char viewSlowestIO[] = {
#embed "../../schema/views/slowest_io.sql" suffix(, 0)
};
static const char viewConfiguration[] = {
#embed "../../schema/views/configuration.sql" suffix(, 0)
};
static const char viewFsync[] = {
#embed "../../schema/views/fsync.sql" suffix(, 0)
};
static const char viewPageCacheTask[] = {
#embed "../../schema/views/page_cache_task.sql" suffix(, 0)
};
static const char viewDirtyPage[] = {
#embed "../../schema/views/dirty_page.sql" suffix(, 0)
};
static const char viewMachineClockTie[] = {
#embed "../../schema/views/machine_clock_tie.sql" suffix(, 0)
};

static const char fleetTables[] = {
#embed "../../schema/fleet/tables.sql" suffix(, 0)
};
static const char fleetLoad[] = {
#embed "../../schema/fleet/load.sql" suffix(, 0)
};
static const char fleetStaging[] = {
#embed "../../schema/fleet/staging.sql" suffix(, 0)
};
static const char fleetQueryFindingsByCode[] = {
#embed "../../schema/fleet/queries/findings-by-code.sql" suffix(, 0)
};
static const char fleetQueryHopPercentilesByDay[] = {
#embed "../../schema/fleet/queries/hop-percentiles-by-day.sql" suffix(, 0)
};
static const char fleetQueryRegressions[] = {
#embed "../../schema/fleet/queries/regressions.sql" suffix(, 0)
};
static const char fleetQueryReturningNeighbours[] = {
#embed "../../schema/fleet/queries/returning-neighbours.sql" suffix(, 0)
};
static const char fleetQueryStealByGeneration[] = {
#embed "../../schema/fleet/queries/steal-by-generation.sql" suffix(, 0)
};
static const char fleetQueryWorstHosts[] = {
#embed "../../schema/fleet/queries/worst-hosts.sql" suffix(, 0)
};
static const char captureESXi[] = {
#embed "../../capture/esxi.sh" suffix(, 0)
};
static const char capture[] = {
#embed "../../capture/capture.sh" suffix(, 0)
};

const char *captureScript(void) { return capture; }
const char *captureScriptESXi(void) { return captureESXi; }

static const struct SchemaFile files[] = {
    {"tables.sql", tables},
    {"views/source.sql", viewSource},
    {"views/problem.sql", viewProblem},
    {"views/clock.sql", viewClock},
    {"views/device_map.sql", viewDeviceMap},
    {"views/request.sql", viewRequest},
    {"views/stage.sql", viewStage},
    {"views/io.sql", viewIO},
    {"views/io_hop.sql", viewIOHop},
    {"views/io_count.sql", viewIOCount},
    {"views/hop_summary.sql", viewHopSummary},
    {"views/header.sql", viewHeader},
    {"views/tail.sql", viewTail},
    {"views/what_if.sql", viewWhatIf},
    {"views/phase.sql", viewPhase},
    {"views/excess.sql", viewExcess},
    {"views/cleared.sql", viewCleared},
    {"views/phase_cause.sql", viewPhaseCause},
    {"views/wall_time.sql", viewWallTime},
    {"views/pause.sql", viewPause},
    {"views/io_limit.sql", viewIOLimit},
    {"views/avoidable_wait.sql", viewAvoidableWait},
    {"views/virtio_part.sql", viewVirtioPart},
    {"views/io_part.sql", viewIOPart},
    {"views/recorder_cost.sql", viewRecorderCost},
    {"views/common_trait.sql", viewCommonTrait},
    {"views/latency_interval.sql", viewLatencyInterval},
    {"views/latency_cell.sql", viewLatencyCell},
    {"views/device_interval.sql", viewDeviceInterval},
    {"views/wait_interval.sql", viewWaitInterval},
    {"views/queue_depth.sql", viewQueueDepth},
    {"views/disk_neighbour.sql", viewDiskNeighbour},
    {"views/queue_stall.sql", viewQueueStall},
    {"views/finding.sql", viewFinding},
    {"views/thread_wait.sql", viewThreadWait},
    {"views/thread_cpu.sql", viewThreadCPU},
    {"views/culprit.sql", viewCulprit},
    {"views/node_size.sql", viewNodeSize},
    {"views/numa_placement.sql", viewNUMAPlacement},
    {"views/numa_migration.sql", viewNUMAMigration},
    {"views/net_path.sql", viewNetPath},
    {"views/net_total.sql", viewNetTotal},
    {"views/steal.sql", viewSteal},
    {"views/steal_reconciliation.sql", viewStealReconciliation},
    {"views/vcpu_check.sql", viewVCPUCheck},
    {"views/clock_check.sql", viewClockCheck},
    {"views/vcpu_state.sql", viewVCPUState},
    {"views/kvm_exit.sql", viewKVMExit},
    {"views/qemu_request.sql", viewQEMURequest},
    {"views/qemu_stage.sql", viewQEMUStage},
    {"program/thread_interval.sql", viewThreadInterval},
    {"program/block_event.sql", viewBlockEvent},
    {"program/sched_event.sql", viewSchedEvent},
    {"views/sched_latency_summary.sql", viewSchedLatency},
    {"views/given_device_map.sql", viewGivenDeviceMap},
    {"views/given_clock_relation.sql", viewGivenClockRelation},
    {"views/device_name.sql", viewDeviceName},
    {"views/configuration.sql", viewConfiguration},
    {"views/finding_evidence.sql", viewFindingEvidence},
    {"views/hop_cell.sql", viewHopCell},
    {"views/slowest_io.sql", viewSlowestIO},
    {"views/disk_counter.sql", viewDiskCounter},
    {"views/cpu_counter.sql", viewCPUCounter},
    {"indexes.sql", indexes},
    {"queries/hops.sql", queryHops},
    {"queries/unmatched.sql", queryUnmatched},
    {"queries/slowest.sql", querySlowest},
    {"queries/sums.sql", querySums},
    {"queries/per-second.sql", queryPerSecond},
    {"queries/by-process.sql", queryByProcess},
    {"queries/by-size.sql", queryBySize},
    {"queries/tail.sql", queryTail},
    {"queries/cpu-culprits.sql", queryCPUCulprits},
    {"queries/cpu-waits.sql", queryCPUWaits},
    {"queries/steal.sql", querySteal},
    {"queries/run-queues.sql", queryRunQueues},
    {"queries/disk-load.sql", queryDiskLoad},
    {"queries/memory-load.sql", queryMemoryLoad},
    {"queries/full-queues.sql", queryFullQueues},
    {"queries/device-users.sql", queryDeviceUsers},
    {"queries/network-loss.sql", queryNetworkLoss},
    {"queries/fsyncs.sql", queryFsyncs},
    {"views/vm_counter.sql", viewVMCounter},
    {"views/numa_counter.sql", viewNumaCounter},
    {"views/counter_value.sql", viewCounterValue},
    {"views/esx_match.sql", viewEsxMatch},
    {"views/esx_layer.sql", viewEsxLayer},
    {"views/esx_histogram.sql", viewEsxHistogram},
    {"views/esx_vm.sql", viewEsxVM},
    {"views/esx_vcpu.sql", viewEsxVCPU},
    {"views/esx_disk.sql", viewEsxDisk},
    {"views/esx_port.sql", viewEsxPort},
    {"views/esx_host.sql", viewEsxHost},
    {"views/esx_user.sql", viewEsxUser},
    {"views/net_counter.sql", viewNetCounter},
    {"views/task_wait.sql", viewTaskWait},
    {"views/fsync.sql", viewFsync},
    {"views/page_cache_task.sql", viewPageCacheTask},
    {"views/dirty_page.sql", viewDirtyPage},
    {"views/machine_clock_tie.sql", viewMachineClockTie},
    {"fleet/tables.sql", fleetTables},
    {"fleet/load.sql", fleetLoad},
    {"fleet/staging.sql", fleetStaging},
    {"fleet/queries/findings-by-code.sql", fleetQueryFindingsByCode},
    {"fleet/queries/hop-percentiles-by-day.sql", fleetQueryHopPercentilesByDay},
    {"fleet/queries/regressions.sql", fleetQueryRegressions},
    {"fleet/queries/returning-neighbours.sql", fleetQueryReturningNeighbours},
    {"fleet/queries/steal-by-generation.sql", fleetQueryStealByGeneration},
    {"fleet/queries/worst-hosts.sql", fleetQueryWorstHosts},
};

size_t schemaFileCount(void) { return sizeof files / sizeof files[0]; }

struct SchemaFile schemaFile(size_t index) { return files[index]; }
