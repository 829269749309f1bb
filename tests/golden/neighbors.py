"""Golden numbers of the nearest-neighbor search, from FAISS (IndexFlatL2, f32) and from numpy in double."""

import faiss
import numpy as np

from formula import values

CASES = [  # queries, bank rows, dimensions, integers (exact distances, many ties)
    (1, 1, 1, False),
    (7, 211, 24, False),
    (13, 61, 5, True),
    (5, 300, 64, False),
    (11, 97, 33, True),
]
KS = (1, 10, 50)


def make() -> dict:
    faiss.omp_set_num_threads(1)
    out = {}
    for case, (q, b, e, whole) in enumerate(CASES):
        queries, bank = values(f"knn.{case}.queries", (q, e), -1, 1), values(f"knn.{case}.bank", (b, e), -1, 1)
        if whole:
            queries, bank = np.round(2 * queries), np.round(2 * bank)
        if b > 20:
            bank[b // 2:b // 2 + 8] = bank[:8]  # duplicates, far apart
            queries[0] = bank[3]
        out[f"{case}.queries"], out[f"{case}.bank"] = queries, bank
        exact = ((queries[:, None].astype(np.float64) - bank[None].astype(np.float64)) ** 2).sum(-1)
        order = np.argsort(exact, axis=1, kind="stable")  # ties by row
        index = faiss.IndexFlatL2(e)
        index.add(bank)
        for k in KS:
            if k > b:
                continue
            distances, rows = index.search(queries, k)
            out[f"{case}.faiss.{k}.distances"], out[f"{case}.faiss.{k}.rows"] = distances, rows.astype(np.int64)
            out[f"{case}.exact.{k}.distances"] = np.take_along_axis(exact, order, 1)[:, :k]
            out[f"{case}.exact.{k}.rows"] = order[:, :k].astype(np.int64)
    return out
