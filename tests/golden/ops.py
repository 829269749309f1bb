"""Golden numbers of the ops, from PyTorch in double on inputs that are exact in f32.

Layouts are those of this project: activations (N, H, W, C), convolution weights (O, KH, KW, I).
"""

import numpy as np
import torch
import torch.nn.functional as F

from formula import values

CONV2D = [  # n, h, w, c, o, kh, kw, stride, padding
    (1, 7, 5, 3, 11, 1, 1, 2, 0),
    (2, 8, 8, 16, 16, 3, 3, 1, 1),
    (2, 9, 7, 5, 8, 3, 3, 2, 1),
    (1, 15, 13, 3, 16, 7, 7, 2, 3),
    (2, 6, 6, 16, 32, 1, 1, 1, 0),
    (2, 6, 6, 16, 32, 1, 1, 2, 0),
    (1, 5, 5, 17, 13, 5, 5, 1, 2),
    (3, 4, 4, 32, 7, 3, 3, 1, 1),
    (1, 3, 3, 2, 4, 3, 3, 1, 0),
    (2, 11, 6, 4, 6, 2, 3, 3, 1),
    (1, 1, 1, 8, 8, 3, 3, 1, 1),
]
BATCH_NORM = [  # shape, relu, residual
    ((2, 3, 5, 7), False, False),
    ((3, 4, 4, 16), True, False),
    ((2, 5, 3, 9), True, True),
    ((4, 2, 2, 33), False, True),
    ((2, 1), True, True),
]
POOL2D = [  # n, h, w, c, kernel, stride, padding
    (2, 6, 6, 5, 2, 2, 0),
    (1, 7, 9, 3, 3, 2, 1),
    (2, 5, 5, 8, 3, 1, 1),
    (1, 4, 4, 17, 4, 4, 0),
    (1, 3, 3, 1, 3, 1, 0),
]
ROWS = [(1, 1), (1, 7), (5, 10), (13, 101)]
EPS = 1e-10


def double(array) -> torch.Tensor:
    return torch.from_numpy(np.array(array)).double().requires_grad_()


def channels_first(x):
    return x.permute(0, 3, 1, 2)


def channels_last(x):
    return x.permute(0, 2, 3, 1)


class Writer:
    """Collects tensors as `op.case.name`; inputs are stored in f32, results in f64."""

    def __init__(self):
        self.tensors = {}

    def put(self, prefix: str, **named):
        for name, value in named.items():
            if isinstance(value, torch.Tensor):
                value = value.detach().numpy()
            self.tensors[f"{prefix}.{name}"] = np.array(value, order="C")  # keeps rank 0


def conv2d(out: Writer):
    for case, (n, h, w, c, o, kh, kw, stride, padding) in enumerate(CONV2D):
        prefix = f"conv2d.{case}"
        x = values(prefix + ".x", (n, h, w, c), -1, 1)
        weight = values(prefix + ".w", (o, kh, kw, c), -1, 1)
        xv, wv = double(x), double(weight)
        y = channels_last(F.conv2d(channels_first(xv), wv.permute(0, 3, 1, 2), stride=stride, padding=padding))
        dy = values(prefix + ".dy", tuple(y.shape), -1, 1)
        y.backward(torch.from_numpy(dy).double())
        out.put(prefix, x=x, w=weight, dy=dy, params=np.array([stride, padding]), y=y, dx=xv.grad, dw=wv.grad)


def batch_norm(out: Writer):
    for case, (shape, relu, with_residual) in enumerate(BATCH_NORM):
        prefix, c = f"batch_norm.{case}", shape[-1]
        named = dict(
            x=values(prefix + ".x", shape, -1, 2),
            gamma=values(prefix + ".gamma", (c,), 0.5, 1.5),
            beta=values(prefix + ".beta", (c,), -0.5, 0.5),
            running_mean=values(prefix + ".running_mean", (c,), -1, 1),
            running_var=values(prefix + ".running_var", (c,), 0.5, 2),
            dy=values(prefix + ".dy", shape, -1, 1),
        )
        if with_residual:
            named["residual"] = values(prefix + ".residual", shape, -1, 1)
        out.put(prefix, relu=np.array([relu], dtype=np.int64), **named)
        for mode in ("train", "inference"):
            v = {k: double(a) for k, a in named.items()}
            mean, var = v["running_mean"].detach().clone(), v["running_var"].detach().clone()
            z = F.batch_norm(v["x"].reshape(-1, c), mean, var, v["gamma"], v["beta"], mode == "train", 0.1, 1e-5).reshape(shape)
            z = z + v["residual"] if with_residual else z
            y = F.relu(z) if relu else z
            y.backward(v["dy"].detach())
            out.put(f"{prefix}.{mode}", y=y, dx=v["x"].grad, dgamma=v["gamma"].grad, dbeta=v["beta"].grad)
            if with_residual:
                out.put(f"{prefix}.{mode}", dresidual=v["residual"].grad)
            if mode == "train":
                out.put(f"{prefix}.train", running_mean=mean, running_var=var)


def pool2d(out: Writer):
    for case, (n, h, w, c, kernel, stride, padding) in enumerate(POOL2D):
        prefix = f"pool2d.{case}"
        x = values(prefix + ".x", (n, h, w, c), -1, 1)
        xv = double(x)
        y = channels_last(F.max_pool2d(channels_first(xv), kernel, stride, padding))
        dy = values(prefix + ".dy", tuple(y.shape), -1, 1)
        y.backward(torch.from_numpy(dy).double())
        out.put(f"{prefix}.max", y=y, dx=xv.grad)
        out.put(prefix, x=x, dy=dy, params=np.array([kernel, stride, padding]))


def rows(out: Writer):
    """Functions of the last axis: softmax, log_softmax, logsumexp, cross-entropy, l2_normalize, topk."""
    functions = {
        "softmax": lambda x: F.softmax(x, -1),
        "log_softmax": lambda x: F.log_softmax(x, -1),
        "logsumexp": lambda x: torch.logsumexp(x, -1),
        "l2_normalize": lambda x: x / (x.norm(dim=-1, keepdim=True) + EPS),
    }
    for case, (r, c) in enumerate(ROWS):
        prefix = f"rows.{case}"
        x = values(prefix + ".x", (r, c), -8, 8)
        dy = values(prefix + ".dy", (r, c), -1, 1)
        labels = (np.arange(r) * 7 + 3) % c
        out.put(prefix, x=x, dy=dy, labels=labels.astype(np.int64))
        for name, function in functions.items():
            xv = double(x)
            y = function(xv)
            out.put(f"{prefix}.{name}", y=y)
            if y.shape == xv.shape:
                y.backward(torch.from_numpy(dy).double())
                out.put(f"{prefix}.{name}", dx=xv.grad)
        xv = double(x)
        loss = F.cross_entropy(xv, torch.from_numpy(labels))
        loss.backward()
        out.put(f"{prefix}.cross_entropy", loss=loss, dx=xv.grad)
        # Coarse values give ties, which are ordered by index, as in a stable sort.
        coarse = np.round(x / 2)
        k = (c + 1) // 2
        out.put(f"{prefix}.topk", x=coarse, largest=np.argsort(-coarse, axis=-1, kind="stable")[:, :k].astype(np.int64),
                smallest=np.argsort(coarse, axis=-1, kind="stable")[:, :k].astype(np.int64))


def linear(out: Writer):
    for case, (r, i, o) in enumerate([(1, 1, 1), (3, 7, 5), (17, 64, 10), (8, 33, 48)]):
        prefix = f"linear.{case}"
        x, w = values(prefix + ".x", (r, i), -1, 1), values(prefix + ".w", (o, i), -1, 1)
        b, dy = values(prefix + ".b", (o,), -1, 1), values(prefix + ".dy", (r, o), -1, 1)
        xv, wv, bv = double(x), double(w), double(b)
        y = F.linear(xv, wv, bv)
        y.backward(torch.from_numpy(dy).double())
        out.put(prefix, x=x, w=w, b=b, dy=dy, y=y, dx=xv.grad, dw=wv.grad, db=bv.grad)


def make() -> dict:
    out = Writer()
    for section in (conv2d, batch_norm, pool2d, rows, linear):
        section(out)
    return out.tensors
