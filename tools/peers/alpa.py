#!/usr/bin/env python3
"""The ALPA objective in PyTorch, forward and backward with its heads, on the shapes of mode-bench's alpa rows, each setting in a new process.

Settings: published (the formulas of the paper: tests/golden/alpa.py), gram (the best known rewrite in plain PyTorch: one direction, and norms through Gram
matrices, so that no resampled image is stored). Memory is the peak of the process, with its value before the step.
"""

import argparse
import math
import re
import sys

import common

SETTINGS = ("published", "gram")


def gram_similarity(q, k, v):
    import torch

    n, r, c = q.shape
    attention = torch.softmax((q.reshape(n * r, c) @ k.reshape(n * r, c).T / math.sqrt(c)).reshape(n * r, n, r), -1)
    unit = v / v.norm(dim=-1, keepdim=True).clamp(min=1e-8)
    w = (unit.reshape(n * r, c) @ v.reshape(n * r, c).T).reshape(n * r, n, r)
    numerator = (attention * w).sum(-1)
    grams = torch.matmul(v, v.transpose(1, 2))
    square = (torch.matmul(attention.transpose(0, 1), grams) * attention.transpose(0, 1)).sum(-1).T
    pairs = (numerator / square.clamp(min=1e-16).sqrt()).reshape(n, r, n).mean(1)
    return pairs + pairs.T


def run(arguments) -> int:
    import alpa
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    n, r, e, c = map(int, re.fullmatch(r"alpa/(\d+)x(\d+)x(\d+)x(\d+)", arguments.row).groups())
    before = common.resident_bytes()
    heads = [torch.nn.Sequential(torch.nn.Linear(e, e, bias=False), torch.nn.ReLU(), torch.nn.Linear(e, c, bias=False)) for _ in range(3)]
    features = (torch.rand(n, r, e) * 2 - 1).requires_grad_()
    labels = torch.arange(n) % 10
    similarity = alpa.similarity if arguments.setting == "published" else gram_similarity

    def step():
        features.grad = None
        for head in heads:
            head.zero_grad(set_to_none=True)
        alpa.contrastive(similarity(*(head(features) for head in heads)), labels, 10.0).backward()

    seconds = common.measure(step, arguments)
    peak = common.resident_bytes()
    note = f"{peak / 1e6:.0f} MB resident ({before / 1e6:.0f} MB before), {torch.get_num_threads()} threads"
    common.report(arguments, arguments.row, f"PyTorch {torch.__version__} {arguments.setting}", seconds, note, resident_bytes=peak,
                  resident_bytes_before=before)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_arguments(parser)
    parser.add_argument("--row", help="one row, together with --setting")
    arguments = parser.parse_args()
    if arguments.row and arguments.setting:
        return run(arguments)
    worst = 0
    chosen = [arguments.setting] if arguments.setting else SETTINGS
    for row in common.row_names(arguments.bench, arguments.filter, "alpa/"):
        sys.argv += ["--row", row]
        worst = max(worst, common.each_in_its_own_process(__file__, chosen, arguments.limit))
        del sys.argv[-2:]
    return worst


if __name__ == "__main__":
    sys.exit(main())
