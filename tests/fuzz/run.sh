#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs them one after the other. Prints a summary line per target.
# usage: run.sh MINUTES [TARGET...]     all targets by default; new inputs go to build-fuzz/corpus, a finding to build-fuzz/findings: exit 1
#        run.sh merge [TARGET...]       reduces tests/fuzz/corpus and build-fuzz/corpus to the smallest set with the same coverage, in
#                                       tests/fuzz/corpus; files named finding-* always stay
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
job=$1
shift
build=$PWD/build-fuzz corpora=$PWD/tests/fuzz/corpus
most_bytes=4000

cmake -S . -B "$build/mode" -G Ninja -DMODE_CUDA=off -DMODE_TESTS=OFF -DMODE_BENCH=OFF >/dev/null
ninja --quiet -j"${JOBS:-$(nproc)}" -C "$build/mode" mode_mode
CXX=clang++ cmake -S tests/fuzz -B "$build/targets" -G Ninja -DMODE_BUILD="$build/mode" >/dev/null
ninja --quiet -j"${JOBS:-$(nproc)}" -C "$build/targets"

targets=("$@")
if [ ${#targets[@]} = 0 ]; then
  for source in tests/fuzz/*.cpp; do
    [ "$source" = tests/fuzz/replay.cpp ] || targets+=("$(basename "$source" .cpp)")
  done
fi
# Targets write files; keep them in memory.
scratch=$(mktemp -d -p "$(if [ -w /dev/shm ]; then echo /dev/shm; else echo "${TMPDIR:-/tmp}"; fi)")
trap 'rm -rf "$scratch"' EXIT
export TMPDIR=$scratch ASAN_OPTIONS=quarantine_size_mb=32:allocator_may_return_null=0 UBSAN_OPTIONS=print_stacktrace=1

mkdir -p "$build/corpus" "$build/findings" "$build/logs"
status=0
for target in "${targets[@]}"; do
  own=$build/corpus/$target kept=$corpora/$target
  mkdir -p "$own" "$kept"
  limits=(-timeout=10 -rss_limit_mb=1500 -malloc_limit_mb=600 "-max_len=$most_bytes")
  dictionary=tests/fuzz/$target.dict
  [ ! -e "$dictionary" ] || limits+=("-dict=$dictionary")
  if [ "$job" = merge ]; then
    merged=$scratch/merged
    rm -rf "$merged"
    mkdir "$merged"
    "$build/targets/$target" -merge=1 -use_counters=0 "${limits[@]}" "$merged" "$kept" "$own" 2>"$build/logs/$target.merge"
    find "$kept" -type f ! -name 'finding-*' -delete
    for input in "$merged"/*; do cp "$input" "$kept/$(basename "$input" | cut -c 1-12)"; done
    printf '%-12s %3d inputs, %d bytes\n' "$target" "$(find "$kept" -type f | wc -l)" "$(cat "$kept"/* | wc -c)"
    continue
  fi
  log=$build/logs/$target begin=$(date +%s)
  "$build/targets/$target" -fork=1 -ignore_crashes=0 -ignore_timeouts=0 -ignore_ooms=0 -max_total_time="$(awk "BEGIN { print int($job * 60) }")" \
    "${limits[@]}" -artifact_prefix="$build/findings/$target-" "$own" "$kept" >"$log" 2>&1 || status=1
  seconds=$(($(date +%s) - begin))
  findings=$(grep -c "Test unit written to" "$log" || true)
  last=$(grep -E '^#[0-9]+: cov:' "$log" | tail -n 1)
  printf '%-12s %4d s, %s executions, coverage %s, findings %s\n' "$target" "$seconds" "$(sed -E 's/^#([0-9]+):.*/\1/' <<<"$last")" \
    "$(sed -E 's/.*cov: ([0-9]+).*/\1/' <<<"$last")" "$findings"
done
exit $status
