# Make names the jobs; CMake and Ninja run them. `make help` lists the targets. Each target first installs its missing packages (tools/setup.sh).
.DEFAULT_GOAL := build
.NOTPARALLEL:
.PHONY: build demo test test-all test-emulated test-races cuda fuzz lint format bench peers results gpu-report install help

JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
# A terminal shows ninja's progress line; a log gets only warnings and errors.
quiet := $(shell test -t 2 || echo --quiet)

# $(call configure,FOLDER,OPTIONS): an existing folder keeps the options that are not named.
configure = @cmake -S . -B $(1) -G Ninja $(2) >/dev/null
# $(call ninja,FOLDER,TARGETS)
ninja = @echo "building $(2)"; ninja $(quiet) -j$(JOBS) -C $(1) $(2)
# $(call ctest,FOLDER,OPTIONS,ENVIRONMENT): then the reasons of skipped tests
ctest = @$(3) ctest --test-dir $(1) -j$(JOBS) --output-on-failure --no-tests=error $(2); status=$$?; tools/skipped.sh $(1); exit $$status
only_the_binary = $(if $(wildcard build/CMakeCache.txt),,-DMODE_TESTS=OFF -DMODE_BENCH=OFF)

build: ## build/mode
	@tools/setup.sh build
	$(call configure,build,$(only_the_binary))
	$(call ninja,build,mode_binary)

demo: build ## train a small ResNet on synthetic images and compare the detectors on five OOD sets
	@build/mode demo

test: ## the quick tests
	@tools/setup.sh test
	$(call configure,build,-DMODE_TESTS=ON $(if $(wildcard build/CMakeCache.txt),,-DMODE_BENCH=OFF))
	$(call ninja,build,mode_tests)
	$(call ctest,build,-LE slow)

test-all: ## the quick tests and the slow ones
	@tools/setup.sh test
	$(call configure,build,-DMODE_TESTS=ON $(if $(wildcard build/CMakeCache.txt),,-DMODE_BENCH=OFF))
	$(call ninja,build,mode_tests)
	$(call ctest,build,,MODE_TEST_ALL=1)

test-emulated: ## the quick tests, CUDA kernels included (tensor/emulator), under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/setup.sh emulated
	$(call configure,build-emulated,-DMODE_CUDA=emulated -DMODE_SANITIZE=ON -DMODE_TESTS=ON -DMODE_BENCH=OFF)
	$(call ninja,build-emulated,mode_tests)
	$(call ctest,build-emulated,-LE slow)

fuzz: ## fuzz the readers of foreign files with clang's libFuzzer (tests/fuzz): [MINUTES=10] [TARGET=image]
	@tools/setup.sh fuzz
	@JOBS=$(JOBS) tests/fuzz/run.sh $(or $(MINUTES),10) $(TARGET)

# Tests that start CUDA kernels, found by the macros of tests/kernel_testing.h or by their own .cu file; and the tests of the emulator.
cuda_tests = $(sort $(basename $(notdir $(wildcard tests/test_*.cu) $(shell grep -lE 'KERNEL_TEST|CUDA_TEST|RUN_ON_CUDA|SKIP_WITHOUT_CUDA' tests/test_*.cpp))))
race_tests = $(sort $(cuda_tests) $(basename $(notdir $(wildcard tests/emulator/test_*.cu))))
space := $(subst ,, )

test-races: ## the CUDA kernels' tests, with a race check of each access (tensor/emulator)
	@tools/setup.sh emulated
	$(call configure,build-races,-DMODE_CUDA=emulated -DMODE_RACES=ON -DMODE_TESTS=ON -DMODE_BENCH=OFF)
	$(call ninja,build-races,$(race_tests))
	$(call ctest,build-races,-R '^($(subst $(space),|,$(race_tests)))$$')

# The same places as in CMakeLists.txt.
nvcc := $(firstword $(wildcard $(CUDA_PATH:%=%/bin/nvcc) $(CUDA_PATH:%=%/nvcc)) $(shell command -v nvcc) $(wildcard /usr/local/cuda/bin/nvcc))
ifeq ($(nvcc),)
cuda:
	@echo "skipped: make cuda: nvcc 12 or later is missing; set CUDA_PATH to a CUDA Toolkit"
else
cuda: ## all targets with kernels compiled by nvcc, and checks of their machine code
	@tools/setup.sh test bench
	$(call configure,build,-DMODE_CUDA=on -DMODE_CUDA_ALL=ON -DMODE_TESTS=ON -DMODE_BENCH=ON)
	$(call ninja,build,all)
	$(call ctest,build,-R test_sass -V)
endif

lint: ## the project's rules (tools/lint.py) and clang-tidy
	@tools/setup.sh lint
	$(call configure,build-lint,-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DMODE_CUDA=emulated -DMODE_TESTS=ON -DMODE_BENCH=ON)
	@ninja $(quiet) -C build-lint mode_commit mode_derivations
	@python3 tools/lint.py --self-test
	@python3 tools/lint.py --tidy build-lint

format: ## clang-format over every C++ file
	@tools/setup.sh format
	@git ls-files -co --exclude-standard '*.h' '*.cpp' '*.inl' '*.cu' | xargs clang-format -i

bench: ## build/mode-bench: time, GFLOP/s and % of the measured peak
	@tools/setup.sh bench
	$(call configure,build,-DMODE_BENCH=ON $(if $(wildcard build/CMakeCache.txt),,-DMODE_TESTS=OFF))
	$(call ninja,build,mode-bench)
	@build/mode-bench

peers: build ## timings of PyTorch and FAISS on the same shapes (tools/peers)
	@tools/setup.sh bench
	$(call configure,build,-DMODE_BENCH=ON)
	$(call ninja,build,mode-bench)
	@tools/peers/run.sh

results: ## the generated tables of the documentation, from the files that the commands wrote (tools/results.py)
	@python3 tools/results.py

gpu-report: ## on a GPU: CUDA tests, compute-sanitizer, and the record for tests/golden, into build/gpu-report
	@tools/setup.sh test
	$(call configure,build,-DMODE_TESTS=ON $(if $(wildcard build/CMakeCache.txt),,-DMODE_BENCH=OFF))
	$(call ninja,build,mode_tests)
	@tools/gpu_report.sh build build/gpu-report $(cuda_tests)

install: build ## the binary, libraries, headers and find_package(mode) into PREFIX (/usr/local)
	$(call ninja,build,mode_mode)
	@cmake --install build --prefix $(PREFIX) >/dev/null && echo "installed into $(DESTDIR)$(PREFIX)"

help:
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F '|' '{ printf "%-20s %s\n", $$1, $$2 }'
