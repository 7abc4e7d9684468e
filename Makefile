# Thin: the build is CMake's (CMakePresets.json); these are the few commands a person types.
# `make demo` and `make test` install what they lack (scripts/install-packages), build and run.

DEVICES ?= 20
TIME ?= 60

.PHONY: all demo test build install-packages asan fuzz coverage size lint format clean help

all: build

build: install-packages
	@cmake --preset release >/dev/null
	@cmake --build --preset release

install-packages:
	@scripts/install-packages

demo: build
	build/cede demo --devices $(DEVICES)

test: build
	scripts/test

asan: install-packages
	@cmake --preset asan >/dev/null
	@cmake --build --preset asan
	@ctest --preset asan

fuzz: install-packages
	scripts/fuzz $(TIME)

coverage: install-packages
	scripts/coverage

size: install-packages
	scripts/size

lint: install-packages
	scripts/lint

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf build build-debug build-asan build-fuzz build-coverage build-size

help:
	@echo "make            build build/cede and build/libcede.a (release)"
	@echo "make demo       install what is missing, build, move a fleet of DEVICES=$(DEVICES) on this machine"
	@echo "make test       install what is missing, build, run every test, also under ASan and UBSan"
	@echo "make size       the device half for a Cortex-M4: text, data, bss a module"
	@echo "make lint       formatting, clang-tidy and the rules of the house"
	@echo "make fuzz TIME=seconds   every fuzz target for that long"
	@echo "make coverage   line and branch coverage of the tests"
