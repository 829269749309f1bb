#!/usr/bin/env python3
"""Prints the ratio table: our rows and the best setting of each peer, the fastest of the interleaved rounds.

    compare.py DIRECTORY      with ours-*.json (from mode-bench --json) and peers.jsonl (from the peers' --json)
"""

import json
import pathlib
import sys


def best_of_ours(directory: pathlib.Path) -> dict:
    best = {}
    for path in sorted(directory.glob("ours-*.json")):
        run = json.loads(path.read_text())
        for row in run["rows"]:
            row["resident_bytes"] = run["max_resident_bytes"]
            row["alone"] = len(run["rows"]) == 1
            if row["name"] not in best or row["seconds"] < best[row["name"]]["seconds"]:
                best[row["name"]] = row
    return best


def best_peers(path: pathlib.Path) -> dict:
    best = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        row = json.loads(line)
        if row["name"] not in best or row["seconds"] < best[row["name"]]["seconds"]:
            best[row["name"]] = row
    return best


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    directory = pathlib.Path(sys.argv[1])
    ours, peers = best_of_ours(directory), best_peers(directory / "peers.jsonl")
    rows = [name for name in ours if name in peers]
    if not rows:
        print("no row was timed on both sides")
        return 0
    print(f"{'row':<44} {'ours ms':>10} {'peer ms':>10} {'speed':>7} {'% peak':>7} {'memory':>7} {'net':>7}  best peer setting")
    for name in rows:
        own, peer = ours[name], peers[name]
        percent = "void" if own["void"] else f"{own['percent_of_peak']:.0f}"
        memory = net = "-"
        if "resident_bytes" in peer and own["alone"]:
            memory = f"{own['resident_bytes'] / peer['resident_bytes']:.2f}x"
            net = f"{own['peak_bytes'] / (peer['resident_bytes'] - peer['resident_bytes_before']):.2f}x"
        print(f"{name:<44} {own['seconds'] * 1e3:>10.3f} {peer['seconds'] * 1e3:>10.3f} {peer['seconds'] / own['seconds']:>6.2f}x {percent:>7}"
              f" {memory:>7} {net:>7}  {peer['peer']}")
    print("\nspeed: peer's time / ours; above 1 we are faster. memory: our peak resident memory / the peer's;"
          "\nnet: the peak of our tensors / the growth of the peer's process after its libraries were loaded.")
    if any(ours[name]["void"] for name in rows):
        print("void: other programs used the machine during our row, so do not quote its ratio. Run again on an idle machine.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
