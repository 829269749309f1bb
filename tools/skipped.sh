#!/usr/bin/env bash
# Prints the tests that the last ctest run skipped: one line per reason with the number of tests, or each test by name.
# usage: skipped.sh BUILD_DIR [names]
set -euo pipefail
usage="usage: skipped.sh BUILD_DIR [names]"
log=${1:?$usage}/Testing/Temporary/LastTest.log
by_name=${2:-}
case $by_name in "" | names) ;; *) echo "$usage" >&2; exit 2 ;; esac
[ -e "$log" ] || exit 0
awk -v by_name="$by_name" -v build="$1" '
  /: Skipped$/           { getline reason; next }
  /^\[  SKIPPED \] .*\(/ { if (by_name) print "skipped: " $4 ": " reason
                           else if (!count[reason]++) order[++reasons] = reason
                           reason = "no reason given" }
  END { for (i = 1; i <= reasons; i++)
          print "skipped: " count[order[i]] (count[order[i]] == 1 ? " test: " : " tests: ") order[i]
        if (reasons) print "their names: tools/skipped.sh " build " names" }' "$log"
