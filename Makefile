# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause

# The contributor's interface. Every target that builds or tests first installs what it needs, or says
# what is missing (scripts/setup).

PREFIX ?= /usr/local
DESTDIR ?=
RELEASE := .build/release
# Extensions for tests only; they are built, and never installed.
UNINSTALLED := $(addprefix $(RELEASE)/libvsnd-backend-,fault.so fault-thread.so)

# Each page of docs/backends is the manual of a backend too.
PAGES := $(filter-out fault,$(basename $(notdir $(wildcard docs/backends/*.md))))
MANUALS := $(PAGES:%=.build/man/vsnd-backend-%.7)

.PHONY: help build man demo test test-pipewire-1.4 check bench bench-pipewire install

help:
	@echo "make build    release build: vhost-device-sound and libvsnd-backend-*.so in $(RELEASE)"
	@echo "make man      manual pages of the backends, from docs/backends, in .build/man"
	@echo "make demo     a guest plays a melody and records through the daemon; shows what arrived"
	@echo "make test     everything: lint, unit tests, sanitizers, a real guest"
	@echo "make test-pipewire-1.4  the pipewire backend with PipeWire 1.4, unpacked from backports"
	@echo "make check    format and licence lines"
	@echo "make bench    the benchmarks"
	@echo "make bench-pipewire     a period through PipeWire, beside a C client"
	@echo "make install  DESTDIR= PREFIX=$(PREFIX): installs what make build left"

build:
	@scripts/setup
	@scripts/build

man: $(MANUALS)

.build/man/vsnd-backend-%.7: docs/backends/%.md Makefile
	@scripts/setup
	@mkdir -p $(@D)
	@lowdown -s -tman -m 'title: vsnd-backend-$*' -m 'section: 7' -m 'source: vhost-device-sound' \
	  -m "date: $$(date -u -r $< +%Y-%m-%d)" $< | \
	  sed '/^\.TH /a .SH NAME\nvsnd-backend-$* \\- the $* backend of vhost-device-sound' >$@

demo: build
	@scripts/demo

test:
	@scripts/test

check:
	@scripts/check

bench:
	@scripts/setup
	@scripts/build
	@$(RELEASE)/bench-transfer
	@for period in 480 1024; do $(RELEASE)/bench-backend null $$period; done

test-pipewire-1.4:
	@scripts/test-pipewire-1.4

bench-pipewire: build
	@scripts/bench-pipewire

install: $(MANUALS)
	@test -x $(RELEASE)/vhost-device-sound || { echo "nothing to install: run make build first" >&2; exit 1; }
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(RELEASE)/vhost-device-sound
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/vsnd $(filter-out $(UNINSTALLED),$(wildcard $(RELEASE)/libvsnd-backend-*.so))
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/vsnd Sources/PluginABI/include/vsnd/plugin.h
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/vhost-device-sound $(wildcard README.md CHANGELOG.md docs/*.md)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man7 $(MANUALS)
