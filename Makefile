# The commands of the project. `make demo` and `make test` need nothing but a Swift toolchain and, on
# Debian, root to install what is missing.

PACKAGES = libssl-dev libsqlite3-dev zlib1g-dev liblzma-dev libzstd-dev libbz2-dev python3 python3-venv
SWIFT ?= swift
DEMO = hiddenq-demo

.DEFAULT_GOAL = demo
.PHONY: help demo test test-fast test-one calibration fuzz mutate faults limits report-size sanitize accuracy causes test-fleet bench-fleet bench-culprits bench-compare lint \
  build release man install uninstall check-install clean needs

# Where `make install` puts things; DESTDIR is for packages.
PREFIX ?= /usr/local
DESTDIR ?=
BIN = $(DESTDIR)$(PREFIX)/bin
SHARE = $(DESTDIR)$(PREFIX)/share
MANUAL = .build/plugins/GenerateManual/outputs/hiddenq

# The commands, each with the first sentence of what stands above it here.
help:
	@awk '/^#/ { if (!text) text = substr($$0, 3); next } \
	  /^(\.PHONY|[A-Z_]+ )/ { next } \
	  /^[a-z][a-z-]*:/ { if (text) { split($$1, name, ":"); split(text, first, /\. |\.$$/); \
	    printf "make %-16s %s\n", name[1], first[1] } } { text = "" }' Makefile

# The main job on the real capture in Fixtures: an incident file and a report in hiddenq-demo.
demo: release
	.build/release/hiddenq analyze Fixtures/kvm-cpu-neighbour -o $(DEMO)

# The picture in the README, from the report of the demo; needs Chromium.
.PHONY: picture
picture: demo
	python3 bench/picture.py

# Everything: the house rules, then all tests. The first build also checks that no target imports what
# it does not declare.
test: needs lint
	$(SWIFT) build --build-tests --explicit-target-dependency-import-check error
	$(SWIFT) test --skip-build

# The tests of the libraries, without those that run the program or read ../shared: under a minute after a build.
test-fast: needs
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --skip 'HiddenQTests|CaptureTests'

# Tests by name, of a suite or a function: make test-one NAME=JoinTests
test-one: needs
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --filter '$(NAME)'

# Traces whose truth is known (tracegen beside the checkout): a table of what was joined, and how well.
accuracy: release
	python3 bench/accuracy.py --hiddenq .build/release/hiddenq

# Whether the cause is named in each of them, and nothing else blamed.
causes: release
	python3 bench/causes.py --hiddenq .build/release/hiddenq

# Captures in which the guest, or its host, stands still for a while: whether the pause is found, and nothing else.
.PHONY: pauses
pauses: release
	python3 bench/pauses.py --hiddenq .build/release/hiddenq

# Captures in which something changes at a known moment: whether it is found, placed, measured and explained. FULL=1: 120.
.PHONY: story
story: release
	python3 bench/story.py --hiddenq .build/release/hiddenq

# Real captures of which files are taken away: nothing is claimed then that the whole contradicts.
.PHONY: halves
halves: release
	python3 bench/halves.py --hiddenq .build/release/hiddenq

# What finding the culprits costs beside reading a scheduler trace of ten million lines.
bench-culprits: release
	python3 bench/culprits.py --hiddenq .build/release/hiddenq

# The fleet's tables and queries in a real ClickHouse: PyPI's chdb, in a virtual environment.
FLEET_PYTHON = .build/fleet/bin/python
TRACEGEN = $(wildcard ../shared/tracegen)

test-fleet: needs $(FLEET_PYTHON)
	$(SWIFT) build --product hiddenq
	$(FLEET_PYTHON) Tests/fleet/fleet_test.py --hiddenq .build/debug/hiddenq $(TRACEGEN:%=--tracegen %)

bench-fleet: release $(FLEET_PYTHON)
	$(FLEET_PYTHON) bench/fleet.py --hiddenq .build/release/hiddenq

$(FLEET_PYTHON):
	python3 -m venv .build/fleet
	.build/fleet/bin/pip install --quiet 'chdb>=4,<5'

# What it withstands (docs/reliability.md). SECONDS is for each family of formats.
SECONDS ?= 60
fuzz: needs
	python3 Fuzz/fuzz.py --seconds $(SECONDS)

# Whole captures, damaged in TRIES ways that a seed fixes.
TRIES ?= 300
SEED ?= 1
mutate: release
	python3 Fuzz/mutate.py --tries $(TRIES) --seed $(SEED)

faults: release
	python3 bench/faults.py

limits: release
	python3 bench/limits.py

# Guests that are paused and clocks that step, 1,000 generated captures: how long each takes, and what is wrong.
.PHONY: steps
steps: release
	python3 bench/steps.py

# The report of a million I/Os stays below 500 KB.
report-size: release
	python3 bench/report_size.py --hiddenq .build/release/hiddenq

# The program under the address and the thread sanitizer, each in a build of its own: damaged captures, and the
# signals that it handles, which is what runs on several threads. Then the tests of the parsers, the store and the
# join. Nightly: it takes some half an hour, too long for each change.
SANITIZED = SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0
LIBRARY_TESTS = TraceIngestTests|TraceStoreTests|TraceCorrelationTests|CaptureTests.(Foreign|Sched|Real(Trace|Counter)|BlktraceReal)
sanitize: needs
	$(SWIFT) build --sanitize=address --product hiddenq --scratch-path .build-address
	$(SANITIZED) python3 Fuzz/mutate.py --hiddenq .build-address/debug/hiddenq --small --memory 4096
	$(SANITIZED) $(SWIFT) test --sanitize=address --scratch-path .build-address --filter '$(LIBRARY_TESTS)'
	$(SWIFT) build --sanitize=thread --product hiddenq --scratch-path .build-thread
	$(SANITIZED) python3 bench/faults.py --hiddenq .build-thread/debug/hiddenq --only interrupted
	$(SANITIZED) python3 Fuzz/mutate.py --hiddenq .build-thread/debug/hiddenq --small --tries 40 --memory 4096
	$(SANITIZED) $(SWIFT) test --sanitize=thread --scratch-path .build-thread --filter '$(LIBRARY_TESTS)'

# The verdicts of `compare` on simulated pairs whose truth is known.
calibration: release
	python3 bench/calibration.py --hiddenq .build/release/hiddenq

# What `compare` takes for two files of two million I/Os each, against an eighth: its memory must not grow.
bench-compare: release
	python3 bench/compare.py --hiddenq .build/release/hiddenq
# CPU time against that of sqlite3, btt, blkparse and perf on the same events (docs/speed.md). It takes ten
# minutes and 2 GB in the folder for temporary files.
.PHONY: bench captures
EVENTS ?= 5000000
bench: release
	python3 bench/bench.py --hiddenq .build/release/hiddenq --events $(EVENTS)

# Small inputs beside the checkout (../shared/cases) that were once read wrongly: a line for each.
.PHONY: cases
cases: release
	python3 bench/cases.py --hiddenq .build/release/hiddenq

# Real files beside the checkout (../shared): what is read of them, against counts that are made without it.
captures: release
	python3 bench/captures.py --hiddenq .build/release/hiddenq

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

# One binary with Swift's libraries in it: it runs where there is no Swift.
release: needs
	$(SWIFT) build -c release --product hiddenq --static-swift-stdlib

# A manual page for each command, out of its help.
man: build
	$(SWIFT) package --disable-sandbox generate-manual --configuration debug --multi-page \
	  --date $$(date -u -d @$${SOURCE_DATE_EPOCH:-$$(date +%s)} +%Y-%m-%d) --authors 'the makers of hiddenq'

install: release man
	install -d '$(BIN)' '$(SHARE)/man/man1' '$(SHARE)/bash-completion/completions' \
	  '$(SHARE)/zsh/site-functions' '$(SHARE)/fish/vendor_completions.d' '$(SHARE)/doc/hiddenq/schema'
	install -m 755 -s .build/release/hiddenq '$(BIN)/hiddenq'
	install -m 644 $(MANUAL)/*.1 '$(SHARE)/man/man1'
	.build/release/hiddenq completions bash > '$(SHARE)/bash-completion/completions/hiddenq'
	.build/release/hiddenq completions zsh > '$(SHARE)/zsh/site-functions/_hiddenq'
	.build/release/hiddenq completions fish > '$(SHARE)/fish/vendor_completions.d/hiddenq.fish'
	install -m 644 README.md CHANGELOG.md LICENSE docs/*.md '$(SHARE)/doc/hiddenq'
	install -m 644 schema/*.schema.json '$(SHARE)/doc/hiddenq/schema'

uninstall:
	rm -f '$(BIN)/hiddenq' '$(SHARE)'/man/man1/hiddenq.1 '$(SHARE)'/man/man1/hiddenq.*.1 \
	  '$(SHARE)/bash-completion/completions/hiddenq' '$(SHARE)/zsh/site-functions/_hiddenq' \
	  '$(SHARE)/fish/vendor_completions.d/hiddenq.fish'
	rm -rf '$(SHARE)/doc/hiddenq'

# Installs into a folder of its own, and looks at what is there without Swift on the way.
check-install:
	$(MAKE) install DESTDIR=$(CURDIR)/.build/install PREFIX=/usr
	sh bench/check-install.sh .build/install/usr
	$(MAKE) uninstall DESTDIR=$(CURDIR)/.build/install PREFIX=/usr
	@left=$$(find .build/install -type f); [ -z "$$left" ] || { echo "left behind: $$left"; exit 1; }

build: needs
	$(SWIFT) build

clean:
	rm -rf .build $(DEMO)

# What the build needs from the system. As root on Debian it is installed; else a message says what to
# do.
needs:
	@command -v $(SWIFT) >/dev/null || { echo "make: no 'swift' on the PATH; install Swift 6.3 or later from swift.org"; exit 1; }
	@missing=""; for package in $(PACKAGES); do \
	  dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq $$missing; \
	  else \
	    echo "make: missing:$$missing; install with: sudo apt-get install$$missing"; exit 1; \
	  fi; \
	fi
