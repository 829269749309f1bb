#!/usr/bin/env bash
# Times PyTorch and FAISS in turns with mode-bench and prints the ratios; README.md in this folder explains them.
#   PEERS_PYTHON  the Python that has torch and faiss (default: python3)
#   MODE_BUILD    folder of mode-bench (default: build)
#   PEERS_ROUNDS  turns of each side (default: 2)
#   PEERS_FILTER  rows, a regular expression (default: all)
#   PEERS_OUT     folder of the raw results (default: BUILD/peers)
# Exit status: 0, also without a peer (it is named); 1 after a failure; 2 without mode-bench or Python.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${PEERS_PYTHON:-python3}
build=${MODE_BUILD:-build}
rounds=${PEERS_ROUNDS:-2}
filter=${PEERS_FILTER:-.}
out=${PEERS_OUT:-$build/peers}
here=tools/peers
bench=$build/mode-bench

if ! [ -x "$bench" ]; then
  echo "peers: $bench is absent; make peers builds it, or set MODE_BUILD to its folder" >&2
  exit 2
fi
if ! command -v "$python" >/dev/null; then
  echo "peers: no $python; set PEERS_PYTHON to a Python that has the packages of $here/requirements.txt" >&2
  exit 2
fi
if ! "$bench" --list --filter "$filter" >/dev/null; then  # mode-bench prints the reason
  exit 2
fi

has() { "$python" -c "import $1" >/dev/null 2>&1; }
groups=()
if has torch; then groups+=(training conv2d alpa); else echo "absent: torch (PyTorch). Left out: training steps, convolutions, ALPA."; fi
if has faiss; then groups+=(knn); else echo "absent: faiss. Left out: nearest neighbors."; fi
if [ ${#groups[@]} -eq 0 ]; then
  echo "No peer is installed: $python -m pip install -r $here/requirements.txt, or set PEERS_PYTHON."
  exit 0
fi
"$python" - <<'PY'
import importlib, platform
for package in ("torch", "faiss", "numpy"):
    try:
        print(f"{package} {importlib.import_module(package).__version__}")
    except ImportError:
        pass
print(f"Python {platform.python_version()}, {platform.processor() or platform.machine()}")
PY

rm -rf "$out"
mkdir -p "$out"
status=0
turn=0
ours() {  # ours ROW-REGEX
  turn=$((turn + 1))
  echo "-- ours"
  "$bench" --filter "$1" --json "$out/ours-$turn.json"
}
peer() {  # peer SCRIPT ROW-REGEX
  echo "-- peer: $1"
  "$python" "$here/$1" --bench "$bench" --filter "$2" --json "$out/peers.jsonl" || status=1
}

for round in $(seq "$rounds"); do
  echo
  echo "== round $round of $rounds"
  for group in "${groups[@]}"; do
    names=$("$bench" --list --filter "$filter" 2>/dev/null | grep "^$group/" || true)
    [ -n "$names" ] || continue
    case $group in
      training | alpa)  # a process for each row, so that memory can be compared
        script=train_step.py
        [ "$group" = alpa ] && script=alpa.py
        while read -r name; do
          ours "^$name\$" </dev/null
          peer "$script" "^$name\$" </dev/null
        done <<<"$names" ;;
      conv2d | knn)
        exact="^($(paste -sd'|' <<<"$names"))\$"
        ours "$exact"
        if [ "$group" = knn ]; then peer knn.py "$exact"; else peer conv.py "$exact"; fi ;;
    esac
  done
done
echo
"$python" "$here/compare.py" "$out"
exit $status
