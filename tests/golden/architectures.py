"""Golden numbers of torchvision's residual networks. Weights, running statistics and images come from formula.py; only results are stored.

The CIFAR stem is torchvision's network with its first convolution replaced by a 3x3 of stride 1, and without max pooling.
"""

import copy

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from resnet import filled, labels, off_kinks, images

SIZES = {"cifar": 33, "imagenet": 65}  # odd, so that every stage has an odd extent
TRAINED = {  # number and size of the images of a training step
    "resnet18.cifar": (2, 32), "resnet18.imagenet": (2, 64), "resnet50.cifar": (4, 9), "resnet50.imagenet": (4, 33),
}


def decided(net: nn.Module) -> nn.Module:
    """Sets every BatchNorm bias to 8, or -8 in every third channel, so that every ReLU input is far from 0. With the biases of the formula, some
    of ResNet-50's million ReLU inputs lie within rounding of 0 for any images, and PyTorch's f32 gradients have an error of 1e-2."""
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.bias.copy_(torch.where(torch.arange(len(module.bias)) % 3 == 0, -8.0, 8.0))
    return net


def network(arch: str, stem: str) -> nn.Module:
    net = getattr(torchvision.models, arch)(num_classes=10)
    if stem == "cifar":
        net.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        net.maxpool = nn.Identity()
    return filled(net)


def inference(out: dict, prefix: str, net: nn.Module, size: int):
    """Logits, and the input of the classifier."""
    x = images(2, size, 0)
    for dtype in (torch.float32, torch.float64):  # the last is kept
        judge = copy.deepcopy(net).to(dtype).eval()
        seen = []
        judge.avgpool.register_forward_hook(lambda module, inputs, output: seen.append(output.flatten(1)))
        with torch.no_grad():
            logits = judge(x.to(dtype)).double()
        if dtype == torch.float32:
            rounded = logits
    print(f"  {prefix}: PyTorch's f32 logits are off by {((rounded - logits).abs().max() / logits.abs().max()).item():.1e} of the largest")
    out[f"{prefix}.eval.logits"] = logits.numpy()
    out[f"{prefix}.eval.features"] = seen[0].float().numpy()


class WithMap(nn.Module):
    """Returns the pair (feature map, logits) that resnet.off_kinks expects."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return None, self.net(x)


def training(out: dict, prefix: str, net: nn.Module, n: int, size: int, seed: int):
    """Logits and loss of a training step, the norm, first and last element of each gradient, and the norms of the running statistics
    after it."""
    student = copy.deepcopy(net).double().train()
    logits = student(images(n, size, seed).double())
    loss = F.cross_entropy(logits, labels(n))
    loss.backward()
    out[f"{prefix}.seed"] = np.array(seed)
    out[f"{prefix}.train.logits"] = logits.detach().numpy()
    out[f"{prefix}.train.loss"] = np.array(loss.item())
    for name, weight in student.named_parameters():
        gradient = weight.grad
        out[f"{prefix}.gradient.{name}"] = np.array([gradient.norm().item(), gradient.flatten()[0].item(), gradient.flatten()[-1].item()])
    for name, buffer in student.named_buffers():
        if buffer.is_floating_point():
            out[f"{prefix}.statistics.{name}"] = np.array(buffer.norm().item())


def make() -> dict:
    torch.set_num_threads(1)  # the f32 numbers must not depend on the number of threads
    out = {}
    for arch in ("resnet18", "resnet34", "resnet50", "resnet101"):
        for stem, size in SIZES.items():
            prefix, net = f"{arch}.{stem}", network(arch, stem)
            inference(out, prefix, net, size)
            if prefix in TRAINED:
                n, edge = TRAINED[prefix]
                if arch == "resnet50":
                    training(out, prefix, decided(net), n, edge, 0)
                else:
                    training(out, prefix, net, n, edge, off_kinks(WithMap(net), n, edge))
    return out
