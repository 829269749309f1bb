#!/usr/bin/env python3
"""FAISS's exact search (IndexFlatL2, K = 10) on the shapes of mode-bench's knn rows.

OpenBLAS chooses its kernels by the processor's name and may choose slow ones, so it also runs with OPENBLAS_CORETYPE set; the fastest is the
peer. A core type that this machine cannot run fails and is named.
"""

import argparse
import os
import re
import sys

import common

SETTINGS = ("default", "HASWELL", "ZEN", "SKYLAKEX")


def environment(setting: str) -> dict:
    variables = dict(os.environ)
    variables.pop("OPENBLAS_CORETYPE", None)
    if setting != "default":
        variables["OPENBLAS_CORETYPE"] = setting
    return variables


def run(arguments) -> int:
    import faiss
    import numpy as np

    if arguments.threads:
        faiss.omp_set_num_threads(arguments.threads)
    random = np.random.default_rng(1)
    for row in common.row_names(arguments.bench, arguments.filter, "knn/"):
        queries, rows, features = map(int, re.fullmatch(r"knn/(\d+)x(\d+)x(\d+)", row).groups())
        index = faiss.IndexFlatL2(features)
        index.add(random.random((rows, features), dtype=np.float32))
        q = random.random((queries, features), dtype=np.float32)
        seconds = common.measure(lambda: index.search(q, 10), arguments)
        common.report(arguments, row, f"FAISS {faiss.__version__} OPENBLAS_CORETYPE {arguments.setting}", seconds,
                      f"{2 * queries * rows * features / seconds * 1e-9:.1f} GFLOP/s")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_arguments(parser)
    arguments = parser.parse_args()
    return run(arguments) if arguments.setting else common.each_in_its_own_process(__file__, SETTINGS, arguments.limit, environment)


if __name__ == "__main__":
    sys.exit(main())
