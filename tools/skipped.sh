#!/usr/bin/env bash
# Says by name which tests the last ctest run skipped, and what they lacked.
# usage: skipped.sh BUILD_DIR
set -euo pipefail
log=${1:?usage: skipped.sh BUILD_DIR}/Testing/Temporary/LastTest.log
[ -e "$log" ] || exit 0
awk '/: Skipped$/            { getline reason; next }
     /^\[  SKIPPED \] .*\(/  { print "skipped: " $4 ": " reason; reason = "no reason given" }' "$log"
