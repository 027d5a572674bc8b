#!/usr/bin/env python3
"""Calibrates `hiddenq compare` against simulated pairs whose truth is known, and prints one table.

usage: calibration.py [--pairs N] [--tuned N] [--false N] [--keep DIR] [--make-only] [--jobs N]
                      [--hiddenq PATH] [--tracegen DIR] [--json FILE]

tracegen (beside the checkout, in ../shared/tracegen) simulates a guest and its host; every run has a seed of
its own, so that no two of them share a random number. Asked is:

  A/A     pairs of which only the seed differs: in how many is any difference shown, per family of lines
          and in all
  tuned   the device's service time is a fifth shorter: how often is the hop named, how often another one
          beside it, and how often does the interval cover the truth
  false   the guest's queue is made longer while the device stays the bottleneck: how often is it called so

The truth of a difference is the one between all runs of either kind taken together: a hundred times the data
of a pair. What was simulated is kept in --keep and used again.

Exit status: 0 all within the limits; 1 some are not; 2 something could not be run. Where there is no tracegen
it says so and ends with 0.
"""
import argparse
import concurrent.futures
import csv
import gzip
import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import types

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Simulated seconds of a run: some 2600 I/Os, or 4100 in the saturated scenario.
SECONDS = {"same": 2.0, "tuned-before": 2.0, "tuned-after": 2.0, "false-before": 1.0, "false-after": 1.0}
# The true effect of the tuned pairs: the device's own time, by so much shorter.
SHORTER = 0.2

# Columns of the truth, by the names of the views.
TRUTH = {
    "guest_scheduler": ("guest_scheduler_ns",), "virtio_queue": ("virtio_queue_ns", "return_ns"),
    "host_scheduler": ("host_scheduler_ns",), "hardware_queue": ("hardware_ns",),
}


def configuration(tracegen, kind, seed):
    """What to simulate."""
    preset = {
        "same": "no-change-before", "tuned-before": "tuned-after", "tuned-after": "tuned-after",
        "false-before": "false-optimisation-before", "false-after": "false-optimisation-after",
    }[kind]
    cfg = tracegen.preset(preset, types.SimpleNamespace(rate=None, vms=None))
    cfg.update(seed=seed, duration=SECONDS[kind], pagecache=False, preset=kind)
    if kind == "tuned-after":
        for name in ("read_us", "write_us"):
            cfg["dev"][name] *= 1 - SHORTER
        cfg["dev"]["mbps"] /= 1 - SHORTER
    return cfg


def load_tracegen(folder):
    path = os.path.join(folder, "tracegen.py")
    if not os.path.exists(path):
        return None
    spec = importlib.util.spec_from_file_location("tracegen", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["tracegen"] = module
    spec.loader.exec_module(module)
    return module


def make(job):
    """Simulates one run, unless it is there; returns its folder."""
    folder, tracegen_folder, kind, seed = job
    target = os.path.join(folder, kind, str(seed))
    if os.path.exists(os.path.join(target, "truth.csv.gz")):
        return target
    tracegen = sys.modules.get("tracegen") or load_tracegen(tracegen_folder)
    work = tempfile.mkdtemp(dir=folder)
    try:
        simulation, device = tracegen.simulate(cfg := configuration(tracegen, kind, seed))
        tracegen.write_all(simulation, device, cfg, work, False)
        os.makedirs(target, exist_ok=True)
        for source, name in (
            ("guest-vm1/blkparse.txt", "guest.txt.gz"), ("host/blkparse.txt", "host.txt.gz"),
            ("truth/ios.csv", "truth.csv.gz"),
        ):
            with open(os.path.join(work, source), "rb") as read:
                with gzip.open(os.path.join(target, name), "wb", compresslevel=3) as write:
                    shutil.copyfileobj(read, write)
    finally:
        shutil.rmtree(work)
    return target
