#!/bin/sh
# What `make install` put below a prefix: the program runs without Swift, and its pages and completions are whole.
#
#   sh bench/check-install.sh PREFIX
set -eu

prefix=$1
program=$prefix/bin/hiddenq
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "check-install: $*" >&2
  exit 1
}

libraries=$(ldd "$program")
case $libraries in
  *libswift* | *libFoundation* | *libdispatch* | *"not found"*) fail "needs more than the system has: $libraries" ;;
esac
[ "$(nm "$program" 2>/dev/null | wc -l)" = 0 ] || fail "the program is not stripped"

# Nothing of Swift's toolchain, and nothing of the caller's environment.
clean() { env -i PATH=/usr/bin:/bin HOME="$work" "$@"; }
clean "$program" --version >/dev/null || fail "does not run"
clean "$program" analyze "$root/Fixtures/kvm-noisy-cpu" -o "$work/out" >"$work/report" || fail "does not analyze"
grep -q 'H3 virtio' "$work/report" || fail "the report lacks its hops"

# A page for each command that the help names.
clean "$program" --help | sed -n '/^SUBCOMMANDS/,/^  See/s/^  \([a-z][a-z]*\) .*/\1/p' >"$work/commands"
[ "$(wc -l <"$work/commands")" -ge 15 ] || fail "the help names few commands"
while read -r command; do
  page=$prefix/share/man/man1/hiddenq.$command.1
  [ -s "$page" ] || fail "no manual page for '$command'"
done <"$work/commands"
if command -v man >/dev/null; then
  for page in "$prefix"/share/man/man1/hiddenq*.1; do
    LC_ALL=C MANWIDTH=80 man -l "$page" >"$work/page" 2>/dev/null || fail "$page: cannot be shown"
    grep -q '^DESCRIPTION\|^SYNOPSIS' "$work/page" || fail "$page: says nothing"
  done
fi

bash -n "$prefix/share/bash-completion/completions/hiddenq" || fail "bash completions"
for shell in zsh/site-functions/_hiddenq fish/vendor_completions.d/hiddenq.fish; do
  grep -q redact "$prefix/share/$shell" || fail "completions: $shell"
done
echo "ok: $(wc -c <"$program") bytes, needs $(echo "$libraries" | grep -c '=> /') libraries of the system, \
$(find "$prefix/share/man" -type f | wc -l) manual pages"
