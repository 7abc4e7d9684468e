# Thin: the build is CMake's (CMakePresets.json); these are the few commands a person types.
# Each installs the packages it lacks (scripts/install-packages), builds and runs.

DEVICES ?= 20
TIME ?= 60

.PHONY: all build demo test asan fuzz coverage size lint format clean help

all: build

build:
	@scripts/install-packages build
	@cmake --preset release >/dev/null
	@cmake --build --preset release

demo:
	@scripts/install-packages build
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target cede
	build/cede demo --devices $(DEVICES)

test:
	@scripts/install-packages all
	@scripts/test

asan:
	@scripts/install-packages test
	@cmake --preset asan >/dev/null
	@cmake --build --preset asan
	@ctest --preset asan

fuzz:
	@scripts/install-packages test
	@scripts/fuzz $(TIME)

coverage:
	@scripts/install-packages test
	@scripts/coverage

size:
	@scripts/install-packages size
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target cede_archive
	@scripts/freestanding
	@scripts/size

lint:
	@scripts/install-packages test
	@scripts/lint

format:
	find include src tests -name '*.[ch]' -exec clang-format -i {} +

clean:
	rm -rf build build-debug build-asan build-fuzz build-coverage build-size

help:
	@echo "make            build build/cede and build/libcede.a (release)"
	@echo "make demo       install what is missing, build, move a fleet of DEVICES=$(DEVICES) on this machine"
	@echo "make test       install what is missing, build, run every check (scripts/test)"
	@echo "make asan       the tests alone, under AddressSanitizer and UndefinedBehaviorSanitizer"
	@echo "make size       the device half: what it demands of a platform, its size on a Cortex-M4"
	@echo "make lint       formatting, the rules of the house, clang-tidy"
	@echo "make fuzz TIME=seconds   every fuzz target for that long"
	@echo "make coverage   line and branch coverage of the tests"
	@echo "make format     clang-format over everything"
