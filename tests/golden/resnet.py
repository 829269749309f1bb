"""Golden numbers of He et al.'s CIFAR networks, which torchvision lacks (its networks: architectures.py), from PyTorch. Weights and
images come from formula.py, so that only results are stored."""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from formula import parameter, values

STEPS, BATCH = 10, 8
SGD = dict(lr=0.1, momentum=0.9, weight_decay=5e-4)
KEPT = 2500  # after training, weights of at most that many elements are stored; of larger ones only the norm


class OptionA(nn.Module):
    """Every second row and column, zero channels, half before and half after (He et al., 2015)."""

    def __init__(self, extra: int):
        super().__init__()
        self.front, self.back = extra // 2, extra - extra // 2

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.front, self.back))


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, option_a: bool):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Identity()
        if stride != 1 or inputs != outputs:
            if option_a:
                self.downsample = OptionA(outputs - inputs)
            else:
                self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.downsample(x))


class ResNet(nn.Module):
    def __init__(self, blocks, widths, option_a: bool, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        inputs = widths[0]
        self.stages = len(widths)
        for s, (count, width) in enumerate(zip(blocks, widths)):
            stage = [Block(inputs if b == 0 else width, width, 2 if b == 0 and s > 0 else 1, option_a) for b in range(count)]
            setattr(self, f"layer{s + 1}", nn.Sequential(*stage))
            inputs = width
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        """images (N, 3, H, W) -> the last feature map and the logits"""
        x = F.relu(self.bn1(self.conv1(x)))
        for s in range(self.stages):
            x = getattr(self, f"layer{s + 1}")(x)
        return x, self.fc(x.mean((2, 3)))


def filled(net: ResNet) -> ResNet:
    """Sets every floating-point parameter and buffer by formula."""
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.from_numpy(parameter(name, tuple(tensor.shape))))
    return net


def images(n: int, size: int, seed: int) -> torch.Tensor:
    """Formula images, element index in (N, H, W, 3), between -2 and 2, as (N, 3, H, W)."""
    return torch.from_numpy(values(f"pictures.{n}.{size}.{seed}", (n, size, size, 3), -2, 2)).permute(0, 3, 1, 2).contiguous()


def labels(n: int) -> torch.Tensor:
    return torch.tensor([(7 * i + 3) % 10 for i in range(n)])


def gradients(net: ResNet, x, dtype):
    """Logits, loss and the gradients by name, in training mode."""
    net = copy.deepcopy(net).to(dtype).train()
    _, logits = net(x.to(dtype))
    loss = F.cross_entropy(logits, labels(len(x)))
    loss.backward()
    return logits.detach(), loss.item(), {name: weight.grad.double() for name, weight in net.named_parameters()}


def off_kinks(net: ResNet, n: int, size: int) -> int:
    """The first seed of images for which rounding to f32 changes no mask of a ReLU or max pooling. A changed mask changes gradients by a
    relative 1e-3, rounding by 1e-6. Found by comparing PyTorch's f32 and f64 gradients."""
    for seed in range(100):
        x = images(n, size, seed)
        (_, _, exact), (_, _, rounded) = gradients(net, x, torch.float64), gradients(net, x, torch.float32)
        if max(((rounded[name] - exact[name]).norm() / exact[name].norm()).item() for name in exact) < 1e-5:
            return seed
    raise SystemExit("no seed of images keeps off the kinks")


def once(out: dict, prefix: str, net: ResNet, n: int, size: int):
    """Logits in inference and training mode, the feature map in inference mode, the loss and the norm of every gradient."""
    seed = off_kinks(net, n, size)
    out[f"{prefix}.seed"] = np.array(seed)
    x = images(n, size, seed)
    inference = copy.deepcopy(net).double().eval()
    with torch.no_grad():
        last, logits = inference(x.double())
    out[f"{prefix}.eval.logits"] = logits.numpy()
    out[f"{prefix}.eval.map"] = last.permute(0, 2, 3, 1).float().numpy()
    logits, loss, exact = gradients(net, x, torch.float64)
    out[f"{prefix}.train.logits"] = logits.numpy()
    out[f"{prefix}.train.loss"] = np.array(loss)
    for name, gradient in exact.items():
        out[f"{prefix}.gradient_norm.{name}"] = np.array(gradient.norm().item())


def run(net: ResNet, seed: int, dtype):
    """Ten SGD steps on one batch: the losses and the final state."""
    student = copy.deepcopy(net).to(dtype).train()
    optimizer = torch.optim.SGD(student.parameters(), **SGD)
    x, losses = images(BATCH, 32, seed).to(dtype), []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = F.cross_entropy(student(x)[1], labels(BATCH))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses), student.state_dict()


def train(out: dict, prefix: str, net: ResNet):
    """In f64 and f32, on the first images whose masks agree in all ten steps."""
    for seed in range(100):
        runs = {"f64": run(net, seed, torch.float64), "f32": run(net, seed, torch.float32)}
        if np.abs(runs["f64"][0] - runs["f32"][0]).max() < 5e-7:
            break
    else:
        raise SystemExit("no seed of images keeps off the kinks for ten steps")
    out[f"{prefix}.train_seed"] = np.array(seed)
    for tag, (losses, state) in runs.items():
        out[f"{prefix}.losses.{tag}"] = losses
        for name, weight in state.items():
            if not weight.is_floating_point():
                continue
            out[f"{prefix}.final_norm.{tag}.{name}"] = np.array(weight.double().norm().item())
            if weight.numel() <= KEPT:
                kept = weight.permute(0, 2, 3, 1) if weight.dim() == 4 else weight
                out[f"{prefix}.final.{tag}.{name}"] = kept.float().numpy()


def make() -> dict:
    torch.set_num_threads(1)  # the f32 numbers must not depend on the number of threads
    out = {}
    nets = {
        "resnet8.option_a": filled(ResNet([1, 1, 1], [16, 32, 64], option_a=True)),
        "resnet8.projection": filled(ResNet([1, 1, 1], [16, 32, 64], option_a=False)),
    }
    for prefix, net in nets.items():
        once(out, prefix, net, BATCH, 32)
        train(out, prefix, net)
    return {name: np.array(value, order="C") for name, value in out.items()}
