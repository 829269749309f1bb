#!/usr/bin/env bash
# Runs the CUDA tests and compute-sanitizer on a GPU, and records the outputs of the primitives for tests/golden. Writes into OUT.
# usage: gpu_report.sh BUILD_DIR OUT TEST...
set -uo pipefail
build=${1:?usage: gpu_report.sh BUILD_DIR OUT TEST...}
out=${2:?usage: gpu_report.sh BUILD_DIR OUT TEST...}
shift 2

# Every build prints a device's description, or the reason why there is none.
device=$("$build/mode" info | grep -o 'cuda:0: .*') || true
if ! grep -q ", sm_" <<<"$device" || grep -q "emulated device" <<<"$device"; then
  echo "gpu-report: skipped: ${device:-no CUDA device}"
  exit 0
fi
mkdir -p "$out"
failed=0
step() {
  local name=$1
  shift
  if "$@" >"$out/$name.log" 2>&1; then echo "passed: $name"; else echo "FAILED: $name, see $out/$name.log"; failed=1; fi
}

{ date -u +%Y-%m-%d; "$build/mode" --version; echo "$device"; } | tee "$out/machine.txt"
for test in "$@"; do step "$test" "$build/$test"; done
step gradcheck "$build/mode" gradcheck --device cuda
# Each tensor is its own allocation, so memcheck knows its end.
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck synccheck initcheck; do
    for test in "$@"; do
      step "$tool-$test" env MODE_POOL=off compute-sanitizer --tool "$tool" --error-exitcode 1 "$build/$test"
    done
  done
else
  echo "skipped: compute-sanitizer is missing"
fi
step record-primitives env MODE_RECORD_PRIMITIVES="$out/cuda_primitives.safetensors" "$build/test_primitives" --gtest_filter='*RecordThemselves'
exit $failed
