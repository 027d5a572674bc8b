#!/bin/sh
# Records what 'hiddenq analyze' wants of one machine, for a bounded time, into one archive.
# Made by 'hiddenq capture'; needs a POSIX shell, and root for blktrace and perf. Read it before you run it.
#
# It changes no setting, sends nothing anywhere, and stops what it started, also when it is interrupted.
# What is missing is said and left out. Run it on the guest and on its host at the same time, unpack both
# archives in one directory, and give that directory to 'hiddenq analyze'.

role=guest
seconds=30
limit_mb=1024
devices=
name=
directory=.

usage() {
  cat <<USAGE
usage: sh $0 [--seconds N] [--device NAME]... [--name NAME] [--limit-mb N] [--directory DIR]

  --seconds N      how long to record; default $seconds, at most 600
  --device NAME    a disk to trace, as vdb or nvme0n1; default: all whole disks
  --name NAME      what the machine is called in the report; default: its node name
  --limit-mb N     stop when so much is recorded; default $limit_mb. Twice that must be free
  --directory DIR  where to work and where the archive goes; default: here
USAGE
}

say() { printf '%s\n' "$*" >&2; }
die() {
  say "capture: $*"
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --seconds | --device | --name | --limit-mb | --directory)
      [ $# -ge 2 ] || die "$1 needs a value"
      case $1 in
        --seconds) seconds=$2 ;;
        --device) devices="$devices ${2#/dev/}" ;;
        --name) name=$2 ;;
        --limit-mb) limit_mb=$2 ;;
        --directory) directory=$2 ;;
      esac
      shift 2
      ;;
    *)
      usage >&2
      die "unknown argument '$1'"
      ;;
  esac
done

for number in "$seconds" "$limit_mb"; do
  case $number in
    '' | *[!0-9]* | ???????*) die "'$number' is no whole number" ;;
  esac
done
if [ "$seconds" -lt 1 ] || [ "$seconds" -gt 600 ]; then die "--seconds is 1 to 600"; fi
[ "$limit_mb" -ge 1 ] || die "--limit-mb is 1 or more"

LC_ALL=C
TZ=UTC
export LC_ALL TZ
umask 077

[ -n "$name" ] || name=$(uname -n)
name=$(printf '%s' "$name" | tr -c 'A-Za-z0-9._-' '_')
folder=$role-$name
mkdir -p "$directory" || die "$directory cannot be made"
free_kb=$(df -Pk "$directory" | awk 'NR == 2 { print $4 }')
[ "${free_kb:-0}" -ge $((limit_mb * 2 * 1024)) ] ||
  die "$directory has less than $((limit_mb * 2)) MB free; see --limit-mb and --directory"
work=$(mktemp -d "$directory/capture.XXXXXX") || die "$directory cannot be written"
out=$work/$folder
mkdir "$out" || exit 2
archive=$directory/$folder-$(date +%Y%m%d-%H%M%S).tar.gz

children=
stopped=
stop_children() {
  for child in $children; do kill -INT "$child" 2>/dev/null; done
}
# Ends the recording; what there is is packed all the same.
trap 'stopped=interrupted; stop_children' INT TERM HUP
trap 'stop_children; rm -rf "$work"' EXIT

note() {
  say "capture: $*"
  printf '%s\n' "$*" >>"$out/capture-notes.txt"
}
has() {
  command -v "$1" >/dev/null 2>&1 && return 0
  note "$1 is not installed: $2 is left out"
  return 1
}
# once FILE COMMAND...: what a command prints, where it exists and prints anything.
once() {
  file=$out/$1
  shift
  has "$1" "'$*'" || return 0
  "$@" >"$file" 2>>"$out/capture-errors.log" || note "'$*' failed; see capture-errors.log"
  [ -s "$file" ] || rm -f "$file"
}

# A reading of each clock, with the wall clock before and after it.
clocks() {
  printf '%s before realtime=%s\n' "$1" "$(date +%s.%N)"
  printf '%s uptime (CLOCK_BOOTTIME) %s\n' "$1" "$(cut -d ' ' -f 1 /proc/uptime)"
  awk -v label="$1" '/^now at/ { printf "%s monotonic_ns=%s\n", label, $3; exit }' \
    /proc/timer_list 2>/dev/null
  printf '%s after realtime=%s\n' "$1" "$(date +%s.%N)"
}

if [ -z "$devices" ]; then
  for disk in /sys/block/*; do
    [ "$(cat "$disk/size" 2>/dev/null || echo 0)" != 0 ] || continue
    case ${disk##*/} in
      vd* | sd* | xvd* | nvme*) devices="$devices ${disk##*/}" ;;
    esac
  done
fi

note "role $role, name $name, $seconds s, disks:${devices:- none}"
clocks start >>"$out/clocks.txt"

# What there is: CPUs, nodes, threads, disks.
once lscpu-p.txt lscpu -p=CPU,Core,Socket,Node
once lscpu.txt lscpu
once numactl-H.txt numactl -H
once lsblk.json lsblk -b -J -o NAME,MAJ:MIN,TYPE,SIZE,PKNAME,START
once dmsetup-table.txt dmsetup table
once ps-eLo.txt ps -eLo pid,tid,ppid,psr,comm
for disk in $devices; do
  if [ ! -d "/sys/block/$disk/queue" ]; then
    note "there is no /sys/block/$disk/queue"
    continue
  fi
  for setting in scheduler nr_requests read_ahead_kb rotational write_cache nomerges rq_affinity \
    max_sectors_kb wbt_lat_usec io_poll; do
    value=$(cat "/sys/block/$disk/queue/$setting" 2>/dev/null) &&
      printf '%s/queue/%s: %s\n' "$disk" "$setting" "$value"
  done >>"$out/queue-settings.txt"
  tags=$(cat "/sys/block/$disk/mq/0/nr_tags" 2>/dev/null) &&
    printf '%s nr_tags: %s\n' "$disk" "$tags" >>"$out/queue-settings.txt"
done

# The host's guests: command lines, threads, disks, where images lie.
images_of() {
  tr '\0' ',' <"/proc/$1/cmdline" | tr ',' '\n' | sed -n 's/^file=//p; s/^filename=//p; s/^.*:file=//p'
}
if [ "$role" = host ]; then
  for process in $(ps -eo pid=,comm= | awk '$2 ~ /^(qemu-|kvm$)/ { print $1 }'); do
    tr '\0' ' ' <"/proc/$process/cmdline" >"$out/qemu-$process.cmdline.txt" 2>/dev/null
    once "taskset-$process.txt" taskset -apc "$process"
    if command -v numastat >/dev/null 2>&1; then
      numastat -p "$process" >"$out/numastat-p-$process.txt" 2>>"$out/capture-errors.log"
    fi
    images_of "$process" 2>/dev/null | while read -r image; do
      [ -f "$image" ] || continue
      number=$((${number:-0} + 1))
      once "filefrag-$process-$number.txt" filefrag -v "$image"
      once "qemu-img-map-$process-$number.json" qemu-img map -U --output=json "$image"
    done
  done
  if has virsh "what QEMU says of its threads and disks"; then
    for guest in $(virsh -q list --name 2>/dev/null); do
      {
        separator='{'
        for query in query-cpus-fast query-iothreads query-block; do
          reply=$(virsh qemu-monitor-command "$guest" "{\"execute\": \"$query\"}" 2>/dev/null)
          [ -n "$reply" ] || continue
          printf '%s"%s": %s' "$separator" "$query" "$reply"
          separator=', '
        done
        printf '}\n'
      } >"$out/qmp-$(printf '%s' "$guest" | tr -c 'A-Za-z0-9._-' '_').json"
      once "vcpupin-$(printf '%s' "$guest" | tr -c 'A-Za-z0-9._-' '_').txt" virsh vcpupin "$guest"
    done
  fi
fi

# Counters, again and again, each with its date.
dated() {
  file=$out/$1
  shift
  {
    date
    "$@"
  } >>"$file" 2>>"$out/capture-errors.log"
}
proc() {
  [ -r "/proc/$1" ] || return 0
  {
    printf '## %s uptime %s\n' "$(date +%s.%N)" "$(cat /proc/uptime)"
    cat "/proc/$1"
  } >>"$out/proc-$1.txt"
}
counters() {
  for file in stat schedstat diskstats; do proc "$file"; done
  if command -v numastat >/dev/null 2>&1; then dated numastat.txt numastat; fi
  if command -v ip >/dev/null 2>&1; then dated ip-s-s-link.txt ip -s -s link; fi
  if command -v tc >/dev/null 2>&1; then dated tc-s-qdisc.txt tc -s qdisc; fi
  if command -v ethtool >/dev/null 2>&1; then
    for path in /sys/class/net/*; do
      interface=${path##*/}
      [ "$interface" != lo ] && dated "ethtool-S-$interface.txt" ethtool -S "$interface"
    done
  fi
}
for tool in numastat ip tc ethtool; do has "$tool" "what it counts" || :; done

if has vmstat "memory, swap and CPU by the second"; then
  vmstat -t 1 "$((seconds + 1))" >"$out/vmstat-t.txt" 2>>"$out/capture-errors.log" &
  children="$children $!"
fi

# Traces. Both tools end by themselves; signals only end them earlier.
mount_debugfs="block traces need root and debugfs (mount -t debugfs none /sys/kernel/debug)"
if [ -n "$devices" ] && has blktrace "the block trace"; then
  for disk in $devices; do
    blktrace -d "/dev/$disk" -w "$seconds" -o "$disk" -D "$out" >>"$out/blktrace-$disk.log" 2>&1 &
    children="$children $!"
  done
fi
# The recording itself is kept: hiddenq reads it. With the clock of the block trace, and compressed, where this perf can.
if has perf "the scheduler trace"; then
  with=
  for option in "-k CLOCK_MONOTONIC -z" "-k CLOCK_MONOTONIC"; do
    # shellcheck disable=SC2086 # words
    if [ -z "$with" ] && perf record -q $option -e dummy -o "$work/try.data" -- true >/dev/null 2>&1; then
      with=$option
    fi
  done
  rm -f "$work/try.data" "$work/try.data.old"
  # shellcheck disable=SC2086 # words
  perf sched record $with -o "$out/perf.data" -- sleep "$seconds" >>"$out/perf-sched.log" 2>&1 &
  children="$children $!"
elif command -v trace-cmd >/dev/null 2>&1; then
  trace-cmd record -q -C mono -o "$out/trace.dat" -e sched_switch -e sched_waking -e sched_wakeup_new \
    -e sched_migrate_task sleep "$seconds" >>"$out/trace-cmd.log" 2>&1 &
  children="$children $!"
fi

second=0
while [ "$second" -lt "$seconds" ] && [ -z "$stopped" ]; do
  [ $((second % 5)) -ne 0 ] || counters
  sleep 1
  second=$((second + 1))
  used_kb=$(du -sk "$work" | cut -f 1)
  if [ "$used_kb" -gt $((limit_mb * 1024)) ]; then
    stopped="stopped after $second s: $limit_mb MB are recorded"
    stop_children
  fi
done
counters
[ -z "$stopped" ] || note "$stopped"

# Let the tools end; after ten seconds make them.
patience=10
for child in $children; do
  while kill -0 "$child" 2>/dev/null && [ "$patience" -gt 0 ]; do
    sleep 1
    patience=$((patience - 1))
  done
  kill -KILL "$child" 2>/dev/null
  wait "$child" 2>/dev/null
done
children=

for disk in $devices; do
  set -- "$out/$disk".blktrace.*
  if [ ! -s "$1" ]; then
    rm -f "$out/$disk".blktrace.*
    command -v blktrace >/dev/null 2>&1 && note "no block trace of $disk: $mount_debugfs"
    continue
  fi
  if has blkparse "the block trace as text"; then
    (cd "$out" && blkparse -i "$disk" >"blkparse-$disk.txt" 2>>capture-errors.log)
  fi
done
if [ ! -s "$out/perf.data" ] && command -v perf >/dev/null 2>&1; then
  note "no scheduler trace: perf needs root or kernel.perf_event_paranoid = -1; see perf-sched.log"
fi
for file in "$out"/*; do [ -s "$file" ] || rm -f "$file"; done

clocks end >>"$out/clocks.txt"
if ! tar -C "$work" -czf "$archive.part" "$folder" || ! mv "$archive.part" "$archive"; then
  rm -f "$archive.part"
  die "$archive cannot be written"
fi
say "capture: written $archive"
