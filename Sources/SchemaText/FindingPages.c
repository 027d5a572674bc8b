// The pages of docs/findings/ as text in the program, one for each code.
#include "SchemaText.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const struct FindingPage pages[] = {
    {"BACKPRESSURE_COLLAPSE", (const char[]){
#embed "../../docs/findings/BACKPRESSURE_COLLAPSE.md" suffix(, 0)
    }},
    {"CAPTURES_MIXED", (const char[]){
#embed "../../docs/findings/CAPTURES_MIXED.md" suffix(, 0)
    }},
    {"CO_STOP", (const char[]){
#embed "../../docs/findings/CO_STOP.md" suffix(, 0)
    }},
    {"CPU_LIMIT", (const char[]){
#embed "../../docs/findings/CPU_LIMIT.md" suffix(, 0)
    }},
    {"CPU_SATURATED", (const char[]){
#embed "../../docs/findings/CPU_SATURATED.md" suffix(, 0)
    }},
    {"DEVICE_STALL", (const char[]){
#embed "../../docs/findings/DEVICE_STALL.md" suffix(, 0)
    }},
    {"DISK_BUSY", (const char[]){
#embed "../../docs/findings/DISK_BUSY.md" suffix(, 0)
    }},
    {"DOUBLE_QUEUEING", (const char[]){
#embed "../../docs/findings/DOUBLE_QUEUEING.md" suffix(, 0)
    }},
    {"FALSE_OPTIMISATION", (const char[]){
#embed "../../docs/findings/FALSE_OPTIMISATION.md" suffix(, 0)
    }},
    {"HOST_CACHE_ABSORBS", (const char[]){
#embed "../../docs/findings/HOST_CACHE_ABSORBS.md" suffix(, 0)
    }},
    {"HOST_SWAP", (const char[]){
#embed "../../docs/findings/HOST_SWAP.md" suffix(, 0)
    }},
    {"IOWAIT_MISLEADS", (const char[]){
#embed "../../docs/findings/IOWAIT_MISLEADS.md" suffix(, 0)
    }},
    {"IO_ERRORS", (const char[]){
#embed "../../docs/findings/IO_ERRORS.md" suffix(, 0)
    }},
    {"LATENCY_STACKING", (const char[]){
#embed "../../docs/findings/LATENCY_STACKING.md" suffix(, 0)
    }},
    {"LIMIT_REACHED", (const char[]){
#embed "../../docs/findings/LIMIT_REACHED.md" suffix(, 0)
    }},
    {"MEMORY_PRESSURE", (const char[]){
#embed "../../docs/findings/MEMORY_PRESSURE.md" suffix(, 0)
    }},
    {"NET_DROP_BEFORE_WIRE", (const char[]){
#embed "../../docs/findings/NET_DROP_BEFORE_WIRE.md" suffix(, 0)
    }},
    {"NOISY_CPU_NEIGHBOUR", (const char[]){
#embed "../../docs/findings/NOISY_CPU_NEIGHBOUR.md" suffix(, 0)
    }},
    {"NOISY_DISK_NEIGHBOUR", (const char[]){
#embed "../../docs/findings/NOISY_DISK_NEIGHBOUR.md" suffix(, 0)
    }},
    {"NOT_COMPARABLE", (const char[]){
#embed "../../docs/findings/NOT_COMPARABLE.md" suffix(, 0)
    }},
    {"NOT_EXPLAINED", (const char[]){
#embed "../../docs/findings/NOT_EXPLAINED.md" suffix(, 0)
    }},
    {"NUMA_REMOTE", (const char[]){
#embed "../../docs/findings/NUMA_REMOTE.md" suffix(, 0)
    }},
    {"NUMA_SPANNING", (const char[]){
#embed "../../docs/findings/NUMA_SPANNING.md" suffix(, 0)
    }},
    {"PAGE_CACHE_HIDES", (const char[]){
#embed "../../docs/findings/PAGE_CACHE_HIDES.md" suffix(, 0)
    }},
    {"RING_SATURATED", (const char[]){
#embed "../../docs/findings/RING_SATURATED.md" suffix(, 0)
    }},
    {"STEAL_HIDDEN", (const char[]){
#embed "../../docs/findings/STEAL_HIDDEN.md" suffix(, 0)
    }},
    {"TAIL_AMPLIFIED", (const char[]){
#embed "../../docs/findings/TAIL_AMPLIFIED.md" suffix(, 0)
    }},
    {"TAIL_SHARES", (const char[]){
#embed "../../docs/findings/TAIL_SHARES.md" suffix(, 0)
    }},
    {"TRACE_INCOMPLETE", (const char[]){
#embed "../../docs/findings/TRACE_INCOMPLETE.md" suffix(, 0)
    }},
    {"VM_PAUSED", (const char[]){
#embed "../../docs/findings/VM_PAUSED.md" suffix(, 0)
    }},
};

size_t findingPageCount(void) { return sizeof pages / sizeof pages[0]; }

struct FindingPage findingPage(size_t index) { return pages[index]; }
