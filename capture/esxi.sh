#!/bin/sh
# Records what 'hiddenq analyze' wants of an ESXi host, for a bounded time, into one archive.
# Made by 'hiddenq capture esxi'; run it as root in the host's own shell (ssh). Read it before you run it.
#
# It changes no setting and sends nothing anywhere. With --group it starts vscsiStats for that VM and stops it again.
# Run blktrace in the guest meanwhile ('hiddenq capture guest'), and start both before the load changes.

seconds=30
group=
name=
directory=.

say() { printf '%s\n' "$*" >&2; }
die() {
  say "capture: $*"
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --seconds | --group | --name | --directory)
      [ $# -ge 2 ] || die "$1 needs a value"
      case $1 in
        --seconds) seconds=$2 ;;
        --group) group=$2 ;;
        --name) name=$2 ;;
        --directory) directory=$2 ;;
      esac
      shift 2
      ;;
    --help | -h)
      say "usage: sh $0 [--seconds N] [--group WORLDGROUP] [--name NAME] [--directory DIR]"
      say "'vscsiStats -l' lists the world groups of VMs."
      exit 0
      ;;
    *) die "unknown argument '$1'" ;;
  esac
done

for number in "$seconds" "${group:-0}"; do
  case $number in
    '' | *[!0-9]* | ??????????*) die "'$number' is no whole number" ;;
  esac
done
[ "$seconds" -ge 10 ] && [ "$seconds" -le 3600 ] || die "--seconds is 10 to 3600"
command -v esxtop > /dev/null || die "there is no esxtop here: this script is for the shell of an ESXi host"

[ -n "$name" ] || name=$(hostname | cut -d. -f1)
folder=host-$name
cd "$directory" || die "$directory cannot be entered"
mkdir "$folder" || die "$folder is there already, or cannot be made"

stop() {
  [ -z "$group" ] || vscsiStats -x -w "$group" > /dev/null 2>&1
}
trap 'stop; exit 130' INT TERM

date -u > "$folder/date-begin.txt"
[ -z "$group" ] || vscsiStats -s -w "$group" > /dev/null || say "capture: vscsiStats could not be started"
# Its notices go to a file of their own; in the CSV they would stand before the header. The first row has no disks.
TERM=xterm esxtop -b -a -d 2 -n $((seconds / 2 + 1)) 2> "$folder/esxtop-notices.txt" | gzip > "$folder/esxtop.csv.gz"
[ -z "$group" ] || vscsiStats -p all -c -w "$group" > "$folder/vscsistats.csv"
stop
date -u > "$folder/date-end.txt"
archive=$folder-$(date -u +%Y%m%dT%H%M%SZ).tgz
tar -czf "$archive" "$folder" && rm -r "$folder"
say "capture: $directory/$archive"
