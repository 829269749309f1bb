#!/usr/bin/env bash
# Checks the machine code of the kernels for every architecture of the build. The bf16 products must use tensor cores (HMMA), matrix loads (LDSM) and
# asynchronous copies (LDGSTS), and no product may spill registers into local memory (STL, LDL). Prints the smallest count of each. Other kernels with
# local memory are listed, not refused: a call of the device's f64 exp needs it, and a step of a staircase may show its cost.
# usage: sass.sh LIBRARY [ARCHITECTURE...]     architectures as CMake writes them (80-real 90-real 100); exit 77: cuobjdump is missing
set -euo pipefail
library=${1:?usage: sass.sh LIBRARY [ARCHITECTURE...]}
shift
PATH=$PATH:${CUDA_PATH:-/usr/local/cuda}/bin:/usr/local/cuda/bin
if ! command -v cuobjdump >/dev/null; then
  printf '%s\n' "sass.sh: Skipped" "cuobjdump, which reads the kernels' machine code, is missing (Debian: nvidia-cuda-toolkit; NVIDIA: cuda-cuobjdump)" \
    "[  SKIPPED ] test_sass (0 ms)"
  exit 77
fi

wanted=
for architecture in "$@"; do
  case $architecture in
    *-virtual | native | all | all-major) ;;
    *) wanted="$wanted sm_${architecture%-real}" ;;
  esac
done

code=$(mktemp)
trap 'rm -f "$code"' EXIT
cuobjdump -sass "$library" >"$code"
awk -v wanted="$wanted" '
  function least(kind, opcode,    kernel, result) {
    result = -1
    for (kernel in kind_of)
      if (kind_of[kernel] == kind && (result < 0 || count[kernel, opcode] + 0 < result)) result = count[kernel, opcode] + 0
    return result
  }
  function fail(message) { print "sass.sh: " message; failed = 1 }

  $1 == "arch" { arch = $3; built[arch] = 1 }
  $1 == "Function" {
    kernel = arch " " $3
    all[kernel] = 1
    ++kernels
    if ($3 ~ /tensor_core_gemm/)
      kind_of[kernel] = arch ($3 ~ /Windows/ ? " conv2d bf16" : $3 ~ /Li1E/ ? " matmul bf16, element by element" : " matmul bf16")
    else if ($3 ~ /tile_gemm/)
      kind_of[kernel] = arch ($3 ~ /Windows/ ? " conv2d" : " matmul") ($3 ~ /If/ ? " f32" : " f64")
    if (kernel in kind_of) kinds[kind_of[kernel]]++
  }
  { # Instructions look like  /*0120*/  @P0 HMMA.16816.F32.BF16 R4, R8 ...
    opcode = $2 ~ /^@/ ? $3 : $2
    sub(/\..*/, "", opcode)
    if (opcode ~ /^(HMMA|LDGSTS|LDSM|FFMA|DFMA|STL|LDL)$/) ++count[kernel, opcode]
  }
  END {
    for (kernel in all)
      if (count[kernel, "STL"] + count[kernel, "LDL"]) {
        if (kernel in kind_of) fail(kernel " spills into local memory")
        else print "sass.sh: with local memory: " kernel
      }
    split("matmul bf16|matmul bf16, element by element|conv2d bf16|matmul f32|conv2d f32|matmul f64|conv2d f64", names, "|")
    if (wanted == "") for (arch in built) wanted = wanted " " arch
    count_of_wanted = split(wanted, archs, " ")
    if (!count_of_wanted) fail("no machine code in the library")
    printf "%-8s%-34s%8s%8s%8s%8s%8s%8s\n", "", "least of each kernel", "kernels", "HMMA", "LDSM", "LDGSTS", "FFMA", "DFMA"
    for (a = 1; a <= count_of_wanted; ++a)
      for (n = 1; n in names; ++n) {
        kind = archs[a] " " names[n]
        if (!kinds[kind]) { fail(kind ": no kernel"); continue }
        printf "%-8s%-34s%8d%8d%8d%8d%8d%8d\n", archs[a], names[n], kinds[kind], least(kind, "HMMA"), least(kind, "LDSM"), least(kind, "LDGSTS"), \
               least(kind, "FFMA"), least(kind, "DFMA")
        if (kind ~ /bf16/ && (!least(kind, "HMMA") || !least(kind, "LDSM"))) fail(kind ": a kernel without HMMA or LDSM")
        if (kind ~ /bf16$/ && !least(kind, "LDGSTS")) fail(kind ": a kernel without LDGSTS")
        if (kind ~ /f32$/ && !least(kind, "FFMA") || kind ~ /f64$/ && !least(kind, "DFMA")) fail(kind ": a kernel without FFMA or DFMA")
      }
    if (!failed) print kernels " kernels; no product spills"
    exit failed
  }' "$code"
