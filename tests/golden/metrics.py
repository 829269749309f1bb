"""Golden numbers of the detection metrics and of the logit detectors.

Higher score = in-distribution. The openood family comes from scikit-learn. The paper's family is computed here from its definition. Both
are checked with a worked example before a file is written.
"""

import numpy as np
from scipy.special import logsumexp, softmax
from sklearn.metrics import auc, precision_recall_curve, roc_auc_score, roc_curve

from formula import values


def paper(ood: np.ndarray, id_: np.ndarray) -> dict:
    n, m = len(id_), len(ood)
    threshold = sorted(id_)[round(0.05 * n)]  # Python's round: half to even
    fpr95 = sum(score > threshold for score in ood) / m
    auroc = sum((i > o) + 0.5 * (i == o) for i in id_ for o in ood) / (n * m)

    # The numbers of (ID, OOD) samples above a rising threshold v; the first point is before any sample is dropped. The points
    # of a tie group of t samples all lie on its last, so they add no area.
    points = [(n, m)]
    for v in sorted(set(id_) | set(ood)):
        points.append((sum(i > v for i in id_), sum(o > v for o in ood)))

    def area(recalls, precisions):
        """Trapezoids over recall 1 -> 0; anchors (1, 0.5) and (0, 0)."""
        r, p = [1.0] + recalls + [0.0], [0.5] + precisions + [0.0]
        return sum((r[k] - r[k + 1]) * (p[k] + p[k + 1]) / 2 for k in range(len(r) - 1))

    kept = [(i, o) for i, o in points if i + o > 0]
    auin = area([i / n for i, _ in kept], [i / (i + o) for i, o in kept])
    dropped = [(n - i, m - o) for i, o in reversed(points) if n - i + m - o > 0]
    auout = area([o / m for _, o in dropped], [o / (i + o) for i, o in dropped])
    dterr = min((n - i + o) / (n + m) for i, o in points)
    return dict(fpr95=fpr95, auroc=auroc, auin=auin, auout=auout, dterr=dterr)


def openood(ood: np.ndarray, id_: np.ndarray) -> dict:
    is_ood = np.concatenate([np.zeros(len(id_)), np.ones(len(ood))])
    score = np.concatenate([id_, ood])
    fpr, tpr, _ = roc_curve(is_ood, -score)
    precision_in, recall_in, _ = precision_recall_curve(1 - is_ood, score)
    precision_out, recall_out, _ = precision_recall_curve(is_ood, -score)
    return dict(fpr95=fpr[np.argmax(tpr >= 0.95)], aupr_in=auc(recall_in, precision_in), aupr_out=auc(recall_out, precision_out),
                auroc=roc_auc_score(is_ood, -score))


def check_worked_example():
    id_ = np.array([0.9, 0.8, 0.8, 0.7, 0.6, 0.5, 0.4, 0.4, 0.3, 0.2])
    ood = np.array([0.6, 0.4, 0.4, 0.3, 0.2, 0.2, 0.1, 0.1])
    expected_paper = dict(fpr95=0.50, auroc=0.825, auin=0.82148, auout=0.68565, dterr=0.27778)
    expected_openood = dict(fpr95=0.60, aupr_in=0.87148, aupr_out=0.81065, auroc=0.825)
    for got, expected in ((paper(ood, id_), expected_paper), (openood(ood, id_), expected_openood)):
        for key, value in expected.items():
            if not abs(got[key] - value) < 5.1e-6:
                raise SystemExit(f"worked example: {key} is {got[key]:.6f}, expected {value}")
    return id_, ood


PAPER = ("fpr95", "auroc", "auin", "auout", "dterr")
OPENOOD = ("fpr95", "aupr_in", "aupr_out")


def make() -> dict:
    cases = [check_worked_example()]
    # n, m, distinct levels (0: no rounding, hardly any ties), shift of the ID scores
    for case, (n, m, levels, shift) in enumerate(
        [(1, 1, 0, 0.3), (1, 9, 4, 0.5), (10, 1, 0, 0.2), (37, 53, 0, 0.5), (101, 64, 10, 0.3), (200, 150, 3, 0.1), (250, 30, 25, -0.4),
         (30, 30, 0, 5.0), (30, 30, 0, -5.0), (70, 210, 0, 0.0)]):
        id_ = values(f"metrics.{case}.id", (n,), 0, 1).astype(np.float64) + shift
        ood = values(f"metrics.{case}.ood", (m,), 0, 1).astype(np.float64)
        if levels:
            id_, ood = np.round(id_ * levels) / levels, np.round(ood * levels) / levels
        cases.append((id_, ood))
    out = {}
    for case, (id_, ood) in enumerate(cases):
        p, o = paper(ood, id_), openood(ood, id_)
        if not abs(p["auroc"] - o["auroc"]) < 1e-12:
            raise SystemExit(f"case {case}: the two AUROCs differ")
        out[f"{case}.id"], out[f"{case}.ood"] = id_, ood
        out[f"{case}.paper"] = np.array([p[key] for key in PAPER], dtype=np.float64)
        out[f"{case}.openood"] = np.array([o[key] for key in OPENOOD], dtype=np.float64)
    return out


def make_detectors() -> dict:
    """Scores of the logit detectors, in double on f32 logits."""
    out = {}
    for case, (n, classes, scale) in enumerate([(1, 2, 1), (17, 10, 8), (9, 100, 30), (5, 10, 120)]):
        logits = values(f"detectors.{case}", (n, classes), -scale, scale)
        z = logits.astype(np.float64)
        out[f"{case}.logits"] = logits
        out[f"{case}.msp"] = softmax(z, axis=1).max(axis=1)
        out[f"{case}.maxlogit"] = z.max(axis=1)
        out[f"{case}.energy"] = logsumexp(z, axis=1)
    return out
