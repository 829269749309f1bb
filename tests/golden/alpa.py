"""ALPA and the contrastive losses in PyTorch, the published formulas: every attention matrix and every resampled image is stored, and each ordered pair is
computed twice, as (i, j) and as (j, i). tools/peers/alpa.py times this implementation.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from formula import values

CASES = [  # images, regions, width, aggregate
    (6, 4, 5, "mean"),
    (4, 16, 8, "mean"),
    (5, 3, 7, "max"),
    (5, 3, 7, "sum"),
    (5, 3, 7, "logsum"),
]
SUPCON = [(8, 5, 10.0, 1.0), (6, 4, 1 / 0.07, 0.5)]  # views, width, inverse temperature, scale


def aggregated(cosine, aggregate):
    if aggregate == "mean":
        return cosine.mean(-1)
    if aggregate == "max":
        return cosine.amax(-1)
    if aggregate == "sum":
        return cosine.sum(-1)
    return torch.logsumexp(6 * cosine, -1) / 6


def one_direction(q, k, v_anchor, v, aggregate):
    """(N, N): row i has the similarity of image i to every image j, resampled to the grid of image i."""
    scores = torch.einsum("irc,jtc->ijrt", q, k) / math.sqrt(q.shape[-1])
    resampled = torch.matmul(torch.softmax(scores, -1), v.unsqueeze(0))
    return aggregated(F.cosine_similarity(v_anchor.unsqueeze(1).expand_as(resampled), resampled, dim=-1), aggregate)


def similarity(q, k, v, aggregate="mean"):
    return one_direction(q, k, v, v, aggregate) + one_direction(q, k, v, v, aggregate).T


def contrastive(s, labels, t, scale=1.0):
    """Rows without positives contribute 0."""
    n = len(s)
    others = ~torch.eye(n, dtype=torch.bool)
    positives = (labels[:, None] == labels[None, :]) & others
    scores = t * s
    log_share = scores - torch.logsumexp(scores.masked_fill(~others, -math.inf), 1, keepdim=True)
    count = positives.sum(1)
    rows = torch.where(count > 0, (log_share * positives).sum(1) / count.clamp(min=1), torch.zeros_like(log_share[:, 0]))
    return -scale * rows.sum() / n


def double(array):
    return torch.from_numpy(np.array(array)).double().requires_grad_()


def make() -> dict:
    tensors = {}

    def put(prefix, **named):
        for name, value in named.items():
            tensors[f"{prefix}.{name}"] = value.detach().numpy() if isinstance(value, torch.Tensor) else np.array(value)

    for case, (n, r, c, aggregate) in enumerate(CASES):
        prefix = f"alpa.{case}"
        inputs = {name: values(f"{prefix}.{name}", (n, r, c), -1, 1) for name in "qkv"}
        labels = np.arange(n, dtype=np.int64) % 2
        labels[-1] = 7  # a row without positives
        q, k, v = (double(inputs[name]) for name in "qkv")
        s = similarity(q, k, v, aggregate)
        loss = contrastive(s, torch.from_numpy(labels), 10.0)
        loss.backward()
        aggregates = ["mean", "max", "sum", "logsum"]
        put(prefix, **inputs, labels=labels, aggregate=np.array([aggregates.index(aggregate)]), s=s, loss=loss, dq=q.grad, dk=k.grad,
            dv=v.grad)
    for case, (n, d, t, scale) in enumerate(SUPCON):
        prefix = f"supcon.{case}"
        x = values(f"{prefix}.x", (n, d), -1, 1)
        labels = np.array([0, 1, 0, 2, 1, 0, 2, 3][:n], dtype=np.int64)
        xv = double(x)
        z = xv / xv.norm(dim=1, keepdim=True)
        loss = contrastive(z @ z.T, torch.from_numpy(labels), t, scale)
        loss.backward()
        put(prefix, x=x, labels=labels, parameters=np.array([t, scale]), loss=loss, dx=xv.grad)
    return tensors
