"""Golden numbers of training components, from PyTorch in double: SGD with its options, clipping, label smoothing, learning rates by step."""

import numpy as np
import torch
import torch.nn.functional as F
from torch.optim import lr_scheduler

from formula import values

STEPS = 6
SHAPES = {"a": (5, 7), "b": (11,), "c": (2, 3, 3, 4)}  # rank 1: may be excluded from weight decay
SGD = [  # momentum, weight decay, nesterov, decay of vectors, clipping norm (0: none)
    (0.9, 0.0, False, True, 0.0),
    (0.9, 5e-2, True, True, 0.0),
    (0.9, 5e-2, True, False, 0.0),
    (0.0, 5e-2, False, False, 0.7),
    (0.9, 5e-2, True, False, 0.7),
    (0.9, 5e-2, False, True, 1e6),  # a norm that is never reached
]
SMOOTHING = [0.0, 0.1, 0.5, 1.0]
ROWS = [(1, 1), (1, 7), (5, 10), (13, 101)]


def sgd(out: dict):
    for case, (momentum, decay, nesterov, vectors, clip) in enumerate(SGD):
        prefix = f"sgd.{case}"
        weights = {name: torch.from_numpy(values(f"w.{name}", shape, -1, 1)).double().requires_grad_() for name, shape in SHAPES.items()}
        decayed = [w for w in weights.values() if vectors or w.ndim != 1]
        others = [w for w in weights.values() if not vectors and w.ndim == 1]
        groups = [{"params": decayed}] + ([{"params": others, "weight_decay": 0.0}] if others else [])
        optimizer = torch.optim.SGD(groups, lr=0.1, momentum=momentum, weight_decay=decay, nesterov=nesterov)
        norms = []
        for step in range(STEPS):
            for name, w in weights.items():
                w.grad = torch.from_numpy(values(f"dw.{name}.{step}", SHAPES[name], -0.2, 0.2)).double()
            norms.append(torch.nn.utils.clip_grad_norm_(weights.values(), clip or float("inf")).item())
            optimizer.step()
        out[f"{prefix}.options"] = np.array([momentum, decay, nesterov, vectors, clip], dtype=np.float64)
        out[f"{prefix}.norms"] = np.array(norms)
        for name, w in weights.items():
            out[f"{prefix}.{name}"] = w.detach().numpy()


def smoothing(out: dict):
    for case, (r, c) in enumerate(ROWS):
        x = values(f"smoothing.{case}.x", (r, c), -8, 8)
        labels = ((np.arange(r) * 7 + 3) % c).astype(np.int64)
        for s, amount in enumerate(SMOOTHING):
            xv = torch.from_numpy(x).double().requires_grad_()
            loss = F.cross_entropy(xv, torch.from_numpy(labels), label_smoothing=amount)
            loss.backward()
            prefix = f"smoothing.{case}.{s}"
            out[f"{prefix}.amount"] = np.array(amount)
            out[f"{prefix}.loss"] = np.array(loss.item())
            out[f"{prefix}.dx"] = xv.grad.numpy()


def rates(out: dict):
    """40 learning rates of PyTorch's schedulers, one per update."""
    total, warmup, lr, low, start = 40, 6, 0.4, 0.4e-3, 0.01

    def run(make, warmup):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
        scheduler = make(optimizer)
        if warmup:
            rise = lr_scheduler.LinearLR(optimizer, start_factor=start / lr, total_iters=warmup)
            scheduler = lr_scheduler.SequentialLR(optimizer, [rise, make(optimizer)], milestones=[warmup])
        seen = []
        for _ in range(total):
            seen.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return np.array(seen)

    for steps in (0, warmup):
        out[f"rates.constant.{steps}"] = run(lambda o: lr_scheduler.ConstantLR(o, factor=1.0), steps)
        out[f"rates.cosine.{steps}"] = run(lambda o, s=steps: lr_scheduler.CosineAnnealingLR(o, T_max=total - 1 - s, eta_min=low), steps)
        # After a warm-up, PyTorch counts steps from its end.
        out[f"rates.step.{steps}"] = run(lambda o, s=steps: lr_scheduler.MultiStepLR(o, [15 - s, 30 - s], gamma=0.2), steps)


def make() -> dict:
    out = {}
    for section in (sgd, smoothing, rates):
        section(out)
    return out
