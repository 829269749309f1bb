#!/usr/bin/env python3
"""Writes tests/golden/*.safetensors. It never imports the project; see README.md in this folder.

    python3 tests/golden/make_golden.py [NAME ...]      NAME: ops resnet architectures training alpa metrics detectors knn resize colors; all when none is given
"""

import importlib
import pathlib
import platform
import sys

import numpy as np
from safetensors.numpy import save_file

MAKERS = {  # file -> module, function, packages that compute the numbers
    "ops": ("ops", "make", ["torch"]),
    "resnet": ("resnet", "make", ["torch"]),
    "training": ("training", "make", ["torch"]),
    "alpa": ("alpa", "make", ["torch"]),
    "architectures": ("architectures", "make", ["torch", "torchvision"]),
    "metrics": ("metrics", "make", ["sklearn", "numpy"]),
    "detectors": ("metrics", "make_detectors", ["scipy"]),
    "knn": ("neighbors", "make", ["faiss", "numpy"]),
    "resize": ("images", "make", ["PIL"]),
    "colors": ("colors", "make", ["PIL"]),
}


def main(names) -> int:
    here = pathlib.Path(__file__).resolve().parent
    sys.path.insert(0, str(here))
    unknown = [name for name in names if name not in MAKERS]
    if unknown:
        print(f"unknown: {' '.join(unknown)}; known: {' '.join(MAKERS)}", file=sys.stderr)
        return 2
    total = 0
    for name in names or MAKERS:
        module, function, packages = MAKERS[name]
        try:
            tensors = getattr(importlib.import_module(module), function)()
        except ModuleNotFoundError as error:
            print(f"{name}: needs the Python package {error.name}, which is absent", file=sys.stderr)
            return 2
        versions = ", ".join(f"{package} {importlib.import_module(package).__version__}" for package in packages)
        path = here / f"{name}.safetensors"
        # safetensors writes the buffer in memory order: a slice or a transposed array must be copied first.
        tensors = {key: np.array(value, order="C", copy=True) for key, value in tensors.items()}
        save_file(tensors, path, metadata={"made_with": versions})
        size = path.stat().st_size
        total += size
        print(f"{path.name:24} {len(tensors):4} tensors {size / 1024:8.0f} KB   {versions}")
    print(f"total {total / 2**20:.2f} MB, Python {platform.python_version()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
