#!/usr/bin/env bash
# Installs the missing Debian packages of a job; silent and quick if none is missing.
# usage: setup.sh build|test|emulated|bench|fuzz|lint|format...
set -euo pipefail
export LC_ALL=C

# The packages of each job as NAME:PROBE. The probe is a command or header of the package, so self-built copies and other systems count.
declare -A packages
packages[build]="g++:g++ cmake:cmake ninja-build:ninja libfmt-dev:fmt/format.h libcli11-dev:CLI/CLI.hpp
                 nlohmann-json3-dev:nlohmann/json.hpp libstb-dev:stb/stb_image.h libxxhash-dev:xxhash.h zlib1g-dev:zlib.h"
packages[test]="${packages[build]} libgtest-dev:gtest/gtest.h binutils:objdump"
packages[emulated]="${packages[test]} libboost-context-dev:boost/context/detail/fcontext.hpp"
packages[bench]="${packages[build]} libbenchmark-dev:benchmark/benchmark.h"
packages[fuzz]="${packages[build]} clang:clang++ libclang-rt-dev:libclang_rt.fuzzer"
packages[format]="clang-format:clang-format git:git"
packages[lint]="${packages[emulated]} ${packages[bench]} ${packages[format]} clang-tidy:clang-tidy python3:python3 shellcheck:shellcheck"

is_there() {
  case $1 in
    */*.h | *.h | *.hpp) for folder in /usr/include /usr/local/include $(tr : " " <<<"${CPATH:-}"); do [ -e "$folder/$1" ] && return; done; return 1 ;;
    libclang_rt.*) [ -e "$(clang++ -print-file-name="$1-$(uname -m).a" 2>/dev/null)" ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing=
for job in "$@"; do
  [ -n "${packages[$job]:-}" ] || { echo "setup: unknown job '$job'; use build, test, emulated, bench, fuzz, lint or format" >&2; exit 2; }
  for entry in ${packages[$job]}; do
    package=${entry%%:*}
    case " $missing " in *" $package "*) continue ;; esac
    is_there "${entry#*:}" || missing="$missing $package"
  done
done
missing=${missing# }
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "setup: missing: $missing (Debian names). This system has no apt-get: install these packages under its own names, then run make again" >&2
  exit 2
fi
command="apt-get install -y --no-install-recommends $missing"
if [ "$(id -u)" = 0 ]; then
  as_root=
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
  as_root="sudo"
else
  echo "setup: missing packages, and no root rights to install them; run as root: $command" >&2
  exit 2
fi

echo "setup: installing $missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >>"$log" 2>&1 </dev/null; }
# The package lists may be absent or old: a failed first try is followed by an update.
# shellcheck disable=SC2086
if ! apt install -y --no-install-recommends $missing; then
  if ! { apt update && apt install -y --no-install-recommends $missing; }; then
    tail -n 15 "$log" >&2
    echo "setup: failed: $command" >&2
    exit 2
  fi
fi
