#!/usr/bin/env python3
"""Fills the generated parts of the documentation from the files that the commands write. `make results` runs it, lint checks that nothing differs.

A generated part of a .md file is enclosed by two lines:

    <!-- results: KIND ARGUMENT... -->
    <!-- end of results -->

detectors FILE          results.json of `mode eval` or `mode demo`: FPR95 / AUROC of each method on each OOD set, ID accuracy, instruction set
study FILE...           means and deviations of each arm; a file is study.csv of `mode study`, or a summary with one row per network, loss and arm
gains FILE... [NETWORK] AUROC of csd that ALPA adds to equally long further training
bench FILE [PEERS]      bench.json of `mode-bench --json` and peers.jsonl of `make peers`: time, share of the peak, fastest setting of the peer
files                   after a table that names files in backticks: their number, and their lines to the nearest hundred
"""
import csv
import json
import os
import re
import statistics
import sys
from pathlib import Path

BEGIN = re.compile(r"^<!-- results: (\w+)(.*?) -->\n", re.M)
END = "<!-- end of results -->\n"


def table(rows):
    lines = [f"| {' | '.join(row)} |\n" for row in rows]
    return "".join([lines[0], "|" + "---|" * len(rows[0]) + "\n", *lines[1:]])


def spread(mean, deviation, sign=""):
    return f"{mean:{sign}.1f} ± {deviation:.1f}" if deviation is not None else f"{mean:{sign}.1f}"


def detectors(files, path):
    report = json.loads(files[path])
    cell = lambda metrics: f"{100 * metrics['fpr95']:.2f} / {100 * metrics['auroc']:.2f}" if metrics["fpr95"] is not None else "n/a"
    about = f"ID accuracy {100 * report['id_accuracy']:.2f} %, {report['isa']}"
    rows = [[f"method ({about})", *next(iter(report["results"].values())), "mean"]]
    for method, sets in report["results"].items():
        setting = report["settings"][method]
        rows.append([f"{method} ({setting})" if setting else method, *map(cell, sets.values()), cell(report["mean"][method])])
    return table(rows)


def arms_of_summary(text):
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        values = {key: (float(row[key]), float(row[key + "_sd"])) for key in row if key + "_sd" in row and row[key]}
        yield row["network"] + ", " + row["loss"], row["arm"], values


def arms_of_runs(name, text):
    """Of study.csv of `mode study`: arm, seed, method, set, fpr95, auroc. Rows without a method hold an accuracy."""
    runs = {}
    for row in csv.DictReader(text.splitlines()):
        run = runs.setdefault(row["arm"], {}).setdefault(row["seed"], {})
        if row["method"]:
            for metric in ("fpr95", "auroc"):
                run.setdefault(f"{row['method']}_{metric}", []).append(100 * float(row[metric]))
        elif not row["set"].startswith("classifier"):
            run["accuracy"] = [100 * float(row["fpr95"])]
    means = {arm: {seed: {key: statistics.mean(values) for key, values in run.items()} for seed, run in seeds.items()} for arm, seeds in runs.items()}
    if "finetune" in means and "extra" in means:
        means["finetune - extra"] = {seed: {key: run[key] - means["extra"][seed][key] for key in run} for seed, run in means["finetune"].items()}
    for arm, seeds in means.items():
        over_seeds = {key: [run[key] for run in seeds.values()] for key in next(iter(seeds.values()))}
        yield name, arm, {key: (statistics.mean(v), statistics.stdev(v) if len(v) > 1 else None) for key, v in over_seeds.items()}


def arms(files, paths):
    for path in paths:
        raw = files[path].startswith("arm,seed")
        yield from arms_of_runs(Path(path).stem.replace("_", ", "), files[path]) if raw else arms_of_summary(files[path])


def study(files, *paths):
    rows = [["network, loss", "arm", "ID accuracy", "knn", "csd"]]
    for name, arm, values in arms(files, paths):
        if " - " not in arm:
            rows.append([name, arm, spread(*values["accuracy"]), *(" / ".join(spread(*values[f"{method}_{metric}"]) for metric in ("fpr95", "auroc"))
                                                                  for method in ("knn", "csd"))])
    return table(rows)


def gains(files, *arguments):
    paths = [argument for argument in arguments if argument in files]
    chosen = [argument for argument in arguments if argument not in files]
    rows = {}
    for name, arm, values in arms(files, paths):
        network, loss = name.split(", ")
        if not chosen or network in chosen:
            rows.setdefault((loss, network), {})[arm] = values["csd_auroc"]
    shown = ("base", "extra", "finetune")
    return table([["loss", "network", "before", "further training", "ALPA instead (MODE-F)", "ALPA over further training"],
                  *([loss, network, *(spread(*row[arm]) for arm in shown), spread(*row["finetune - extra"], sign="+")]
                    for (loss, network), row in rows.items())])


def milliseconds(seconds):
    return f"{1000 * seconds:.3g}" if seconds < 1 else f"{1000 * seconds:,.0f}"


def bench(files, path, peers=None):
    best = {}
    for line in files[peers].splitlines() if peers else []:
        row = json.loads(line)
        if row["name"] not in best or row["seconds"] < best[row["name"]]["seconds"]:
            best[row["name"]] = row
    rows = [["row", "ms", "images/s", "% of peak", "tensors MB", "peer ms", "peer"]]
    for row in json.loads(files[path])["rows"]:
        peer = best.get(row["name"])
        seconds, images, held = row.get("seconds"), row.get("images"), row.get("peak_bytes")
        rows.append([row["name"], milliseconds(seconds) if seconds else "-", f"{images / seconds:.1f}" if images else "-",
                     "void" if row.get("void") else f"{row['percent_of_peak']:.0f}", f"{held / 1e6:.0f}" if held else "-",
                     milliseconds(peer["seconds"]) if peer else "-", peer["peer"] if peer else "-"])
    return table(rows)


def files_of_table(files, page):
    """The files that the table above the marker names: `a/b.{h,cpp}` is two."""
    above = re.search(r"((?:^\|.*\n)+)\s*<!-- results: files -->", page, re.M).group(1)
    names = []
    for name in re.findall(r"`([\w./{},]+)`", above):
        stem, _, endings = name.partition("{")
        names += [stem + ending for ending in endings.rstrip("}").split(",")]
    missing = [name for name in names if name not in files]
    if missing:
        raise KeyError(f"no such file: {', '.join(missing)}")
    lines = sum(files[name].count("\n") for name in names)
    return f"{len(names)} files, about {round(lines, -2):,} lines.\n"


KINDS = {"detectors": detectors, "study": study, "gains": gains, "bench": bench}


def generate(files, path):
    """The page `path` with every generated part made anew; KeyError or ValueError where an input is absent or is not what it should be."""
    def part(match):
        kind, arguments = match.group(1), match.group(2).split()
        made = files_of_table(files, files[path]) if kind == "files" else KINDS[kind](files, *arguments)
        return match.group(0).split("\n")[0] + "\n" + made + END

    return re.sub(BEGIN.pattern + r"(?:(?!<!-- ).*\n)*" + END, part, files[path], flags=re.M)


def main():
    os.chdir(Path(__file__).resolve().parent.parent)
    names = os.popen("git ls-files -co --exclude-standard").read().splitlines()
    files = {name: Path(name).read_bytes().decode("utf-8", "replace") for name in names if os.path.isfile(name)}
    for path in files:
        if path.endswith(".md") and BEGIN.search(files[path]):
            try:
                page = generate(files, path)
            except (KeyError, ValueError) as error:
                print(f"results: {path}: {error}", file=sys.stderr)
                return 1
            if page != files[path]:
                Path(path).write_text(page)
            print(f"{path}: {'written' if page != files[path] else 'unchanged'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
