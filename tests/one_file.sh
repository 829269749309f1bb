#!/usr/bin/env bash
# Checks that the binary is self-contained: it needs no shared library except the C library and the loader.
# usage: one_file.sh BINARY
set -euo pipefail
binary=${1:?usage: one_file.sh BINARY}
mapfile -t needed < <(LC_ALL=C objdump -p "$binary" | awk '$1 == "NEEDED" { print $2 }')
[ ${#needed[@]} -gt 0 ] || { echo "$binary: no dynamic section could be read"; exit 1; }
foreign=$(printf "%s\n" "${needed[@]}" | grep -vE '^(libc|libm|libdl|libpthread|librt)\.so\.[0-9]+$|^ld-linux-[a-z0-9-]+\.so\.[0-9]+$' || true)
[ -z "$foreign" ] || { echo "$binary: needs shared libraries other than the C library's: $foreign"; exit 1; }
echo "$binary needs only: ${needed[*]}"
