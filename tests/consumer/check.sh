#!/usr/bin/env bash
# Installs a build into an empty prefix, then builds and runs the consumer in this folder with find_package(mode).
# usage: check.sh BUILD_DIR [COMPILER]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "${1:?usage: check.sh BUILD_DIR [COMPILER]}" && pwd)
export CXX=${2:-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
step() { "$@" >"$work/log" 2>&1 || { cat "$work/log"; echo "failed: $*"; exit 1; }; }

step cmake --install "$build" --prefix "$work/prefix"
# The installed files are moved: the package may not name the build tree or the prefix.
mv "$work/prefix" "$work/moved"
source=$(cd "$here/../.." && pwd)
if grep -rlF -e "$source" -e "$work/prefix" "$work/moved" --include='*.cmake' --include='*.h'; then
  echo "the files above name the tree they were built in"; exit 1
fi
step cmake -S "$here" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$work/moved"
step cmake --build "$work/build"
"$work/build/consumer"
"$work/moved/bin/mode" --version

# The README's command that compiles its program; a build with CUDA also needs the CUDA runtime, as the README says.
if ! grep -q '^MODE_CUDA:STRING=on' "$build/CMakeCache.txt"; then
  command=$(sed -n 's/^\(g++ .*\) && .*/\1/p' "$source/README.md")
  [ -n "$command" ] || { echo "README.md has no g++ command"; exit 1; }
  cd "$source"
  step bash -c "$(sed "s# build/first# $work/first#; s# build/# $build/#g" <<<"$command")"
  "$work/first"
fi
