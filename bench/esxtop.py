#!/usr/bin/env python3
"""Writes a file as esxtop -b -a of ESXi 6 writes it, of a host with many VMs, and measures how fast hiddenq reads it.

    python3 bench/esxtop.py make FILE [COLUMNS] [MEGABYTES]
    python3 bench/esxtop.py measure PROGRAM FILE      ingests FILE; prints MB per second of CPU time and peak memory

Names, their order and the form of values are those of esxtop; the values are made up. The mix of columns is that of a real
host: two thirds are counters of worlds. One column has neither name nor quotes nor a comma behind it, as there."""
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

WORLD = ("% Used,% Run,% System,% Wait,% VmWait,% Ready,% Idle,% Overlap,% CoStop,% Max Limited,% Swap Wait,Switches/sec,"
         "Migrates/sec,Quantum Expires/sec,Wakeups/sec,Alloc Min,Alloc Max,Alloc Shares,Alloc Min Limited,% CPU Latency,"
         "% Memory Latency,% Demand,Effective Min (MHz),Physical Cpu").split(",")
GROUP = (["Members"] + WORLD[:4] + ["% Ready", "% Idle", "% Overlap", "% CoStop", "% Max Limited", "% Swap Wait"]
         + WORLD[11:23] + ["Timers/sec", "Power Usage Watts", "% VmWait"])
MEMORY = ("Members,Alloc Min,Numa Home Nodes,Numa Rebalance Count Delta,Numa Remote Memory MBytes,Numa Local Memory MBytes,"
          "Numa % Local,Memory Size MBytes,Memory Granted Size MBytes,Memory Consumed Size MBytes,Target Size MBytes,"
          "Touched MBytes,Touched Write MBytes,% Active Estimate,Memctl?,Memctl MBytes,Memctl Target MBytes,"
          "Memctl Max MBytes,Swapped MBytes,Swap Target MBytes,Swap Read MBytes/sec,Swap Written MBytes/sec,"
          "Llswap Read MBytes/sec,Llswap Written MBytes/sec,Zero MBytes,Shared MBytes,Overhead MBytes,"
          "Compressed Memory MBytes,Compression MBytes/sec,Decompression MBytes/sec").split(",")
DISK = (["Device Q Depth", "World Q Depth", "Active Commands", "Queued Commands", "% Used", "Load", "Commands/sec",
         "Reads/sec", "Writes/sec", "MBytes Read/sec", "MBytes Written/sec"]
        + [f"Average {who} MilliSec/{what}" for what in ("Command", "Read", "Write")
           for who in ("Driver", "Kernel", "Guest", "Queue")]
        + ["Failed Commands/sec", "Aborts/sec", "Resets/sec"])
PORT = ("Link Up?,Link Speed (Mb/s),Packets Transmitted/sec,MBits Transmitted/sec,"
        "Average Packet Size  Transmitted (Bytes),Packets Received/sec,MBits Received/sec,"
        "Average Packet Size  Received (Bytes),% Outbound Packets Dropped,% Received Packets Dropped").split(",")
VDISK = ("Commands/sec,Reads/sec,Writes/sec,MBytes Read/sec,MBytes Written/sec,Average MilliSec/Read,"
         "Average MilliSec/Write").split(",")
HELPERS = ["vmx", "NetWorld-VM-{l}", "vmast.{l}", "vmx-vthread-5", "vmx-mks:{n}", "vmx-svga:{n}", "PVSCSI-{l}:0"]


def columns(count):
    """Objects with their counters until there are so many columns."""
    names = [f"Memory\\{c}" for c in ("Free MBytes", "Kernel MBytes", "Swap Used MBytes", "Kernel State")]
    names += [f"Physical Cpu({n})\\{c}" for n in [*range(64), "_Total"] for c in ("% Processor Time", "% Util Time")]
    names += [f"PCPU Power State(PCPU 0)\\%T-State T{n}" for n in range(8)] + [None]
    for device in range(8):
        names += [f"Physical Disk SCSI Device(naa.60060160a1b1{device:04x})\\{c}" for c in DISK]
    vm = 0
    while len(names) < count:
        gid, leader, name = 1_400_000 + 97 * vm, 480_000 + 20 * vm, f"vm-{vm:03d}"
        names += [f"Group Cpu({gid}:{name})\\{c}" for c in GROUP]
        worlds = [f"vmx-vcpu-{n}:{name}" for n in range(4)] + [h.format(l=leader, n=name) for h in HELPERS]
        # Services of the host have most of the worlds.
        for number, world in enumerate(worlds):
            names += [f"Vcpu({gid}:{name}:{leader + number}:{world})\\{c}" for c in WORLD]
        for number in range(60):
            names += [f"Vcpu({100 + vm}:svc.{vm}:{900_000 + 60 * vm + number}:worker-{number})\\{c}" for c in WORLD]
        names += [f"Group Memory({gid}:{name})\\{c}" for c in MEMORY]
        names += [f"Physical Disk Per-Device-Per-World(naa.60060160a1b1{vm % 8:04x}-{leader})\\{c}" for c in DISK]
        names += [f"Virtual Disk({name}:scsi0:{d})\\{c}" for d in range(2) for c in VDISK]
        names += [f"Network Port(vSwitch0:{50_000_000 + vm}:{leader}:{name})\\{c}" for c in PORT]
        vm += 1
    return names[:count]


def make(path, count=60_000, megabytes=1000):
    random.seed(1)
    names = columns(count)
    with open(path, "w", encoding="ascii", newline="\n") as out:
        head = '"(PDH-CSV 4.0) (UTC)(0)",'
        for place, name in enumerate(names):
            head += "   -" if name is None else f'"\\\\esx1.example.org\\{name}"' + ("," if place < len(names) - 1 else "")
        out.write(head + "\n")
        # Some rows of values are enough: they are written in turns.
        rows = []
        for _ in range(12):
            row = []
            for place, name in enumerate(names):
                if name is None:
                    row.append(f"    {random.uniform(50, 99):.1f}")
                    continue
                busy = random.random() < 0.25
                value = f"{random.uniform(0, 100):.2f}" if busy else "100.00" if name.endswith("Wait") else "0.00"
                row.append(f'"{value}"' + ("," if place < len(names) - 1 else ""))
            rows.append("".join(row))
        number = 0
        while out.tell() < megabytes * 1_000_000:
            stamp = time.strftime("%m/%d/%Y %H:%M:%S", time.gmtime(1_796_000_000 + 2 * number))
            out.write(f'"{stamp}",{rows[number % len(rows)]}\n')
            number += 1
    print(f"{path}: {len(names)} columns, {number} rows, {os.path.getsize(path) / 1e6:.0f} MB")


def measure(program, path):
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([program, "ingest", f"{folder}/a.db", path], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        size = os.path.getsize(path) / 1e6
        print(f"{size:.0f} MB, {cpu:.2f} s of CPU time: {size / cpu:.0f} MB/s; {after.ru_maxrss / 1024:.0f} MiB at most; "
              f"incident file {os.path.getsize(folder + '/a.db') / 1e6:.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "make":
        make(sys.argv[2], *map(int, sys.argv[3:]))
    elif len(sys.argv) == 4 and sys.argv[1] == "measure":
        measure(sys.argv[2], sys.argv[3])
    else:
        sys.exit(__doc__)
