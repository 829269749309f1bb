#!/usr/bin/env python3
"""Our weights in PyTorch: loads model.safetensors into an independent ResNet with strict=True and compares logits with ours.

    build/mode features --model runs/x/model.safetensors --data 'cifar10:DIR?split=test&limit=200' --out F.safetensors
    tools/peers/load_weights.py --model runs/x/model.safetensors --data 'cifar10:DIR?split=test' --features F.safetensors

The images are read from the official CIFAR records by the ids that F holds. Exit status: 0 when max |difference| / max |logit| <= 1e-4
(and at least one image was compared), 1 otherwise, 2 for a usage error or an absent package.
"""

import argparse
import json
import pathlib
import re
import struct
import sys

TOLERANCE = 1e-4
try:
    import numpy as np
    import torch

    import common  # noqa: F401  (puts the PyTorch ResNet on the path)
    from resnet import ResNet
except ModuleNotFoundError as missing:
    print(f"load_weights: the Python package {missing.name} is absent (tools/peers/requirements.txt)", file=sys.stderr)
    sys.exit(2)


def read_safetensors(path: str):
    """(tensors, metadata): eight bytes of header length, JSON, data. Read without the safetensors package, so that only numpy is trusted."""
    dtypes = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "U8": "u1"}
    data = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(body[begin:end], dtypes[entry["dtype"]]).reshape(entry["shape"]).copy()
    return tensors, metadata


def network(tensors: dict):
    """The PyTorch ResNet with these names and shapes."""
    blocks, widths = [], []
    while f"layer{len(blocks) + 1}.0.conv1.weight" in tensors:
        stage = f"layer{len(blocks) + 1}"
        blocks.append(1 + max(int(re.match(rf"{stage}\.(\d+)\.", name).group(1)) for name in tensors if name.startswith(stage + ".")))
        widths.append(tensors[f"{stage}.0.conv1.weight"].shape[0])
    option_a = not any(".downsample." in name for name in tensors)
    return ResNet(blocks, widths, option_a, imagenet_stem=tensors["conv1.weight"].shape[2] == 7, classes=tensors["fc.weight"].shape[0])


def cifar_pixels(spec: str) -> np.ndarray:
    """(N, 3, 32, 32) u8: every record of the split, in order."""
    kind, _, rest = spec.partition(":")
    directory, _, query = rest.partition("?")
    options = dict(item.split("=") for item in query.split("&") if item)
    split = options.get("split", "train")
    if kind == "cifar10":
        files, head = (["test_batch.bin"] if split == "test" else [f"data_batch_{i}.bin" for i in range(1, 6)]), 1
    elif kind == "cifar100":
        files, head = [f"{split}.bin"], 2
    else:
        raise SystemExit("load_weights: --data takes cifar10:DIR?split=... or cifar100:DIR?split=...")
    found = [directory_file for name in files for directory_file in [pathlib.Path(directory) / name] if directory_file.exists()]
    if len(found) != len(files):
        raise SystemExit(f"load_weights: {directory} does not hold {', '.join(files)}")
    records = np.concatenate([np.fromfile(path, np.uint8) for path in found]).reshape(-1, head + 3072)
    return records[:, head:].reshape(-1, 3, 32, 32)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--features", required=True, help="output file of `mode features`")
    parser.add_argument("--data", required=True, help="dataset of the features")
    parser.add_argument("--mean", type=float, nargs=3, help="default: the file's")
    parser.add_argument("--std", type=float, nargs=3, help="default: the file's")
    arguments = parser.parse_args()

    tensors, metadata = read_safetensors(arguments.model)
    mean, std = arguments.mean or json.loads(metadata["mean"]), arguments.std or json.loads(metadata["std"])
    net = network(tensors)
    net.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()}, strict=True)
    net.eval()

    features, _ = read_safetensors(arguments.features)
    ids, ours = features["ids"], features["logits"].astype(np.float64)
    pixels = torch.from_numpy(cifar_pixels(arguments.data)[ids]).float() / 255
    x = (pixels - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
    with torch.no_grad():
        theirs = np.concatenate([net(batch)[1].numpy() for batch in x.split(256)]).astype(np.float64)

    difference, scale = np.abs(ours - theirs).max(), np.abs(theirs).max()
    agreeing = (ours.argmax(1) == theirs.argmax(1)).mean()
    good = len(ids) > 0 and bool(difference <= TOLERANCE * scale)
    print(f"{len(tensors)} tensors loaded with strict=True; {len(ids)} images: max |difference| {difference:.3g} / max |logit| {scale:.3g}"
          f" = {difference / scale:.2g} (allowed {TOLERANCE:g}), same class for {agreeing:.2%}: {'ok' if good else 'FAILED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
