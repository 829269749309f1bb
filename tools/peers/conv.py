#!/usr/bin/env python3
"""PyTorch (oneDNN) on the shapes of mode-bench's conv2d rows: forward, dx and dw separately, in NCHW and channels_last."""

import argparse
import re
import sys

import common

BATCH = {"resnet18": 64, "resnet20": 128}
SETTINGS = ("contiguous", "channels_last")


def shape_of(row: str):
    """conv2d/NET/PASS/[stem-|stride2-|1x1-]IN[toOUT]@EDGE -> batch, edge, in, out, kernel, stride, padding, pass"""
    net, direction, kind, inputs, outputs, edge = re.fullmatch(
        r"conv2d/(\w+)/(forward|dx|dw)/(?:(stem|stride2|1x1)-)?(\d+)(?:to(\d+))?@(\d+)", row).groups()
    kernel, stride = (1 if kind == "1x1" else 3), (2 if kind in ("1x1", "stride2") else 1)
    return BATCH[net], int(edge), int(inputs), int(outputs or inputs), kernel, stride, kernel // 2, direction


def run(arguments) -> int:
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    memory_format = torch.channels_last if arguments.setting == "channels_last" else torch.contiguous_format
    backward = torch.ops.aten.convolution_backward
    for row in common.row_names(arguments.bench, arguments.filter, "conv2d/"):
        batch, edge, inputs, outputs, kernel, stride, padding, direction = shape_of(row)
        x = torch.randn(batch, inputs, edge, edge).to(memory_format=memory_format)
        w = torch.randn(outputs, inputs, kernel, kernel).to(memory_format=memory_format)
        y = torch.conv2d(x, w, None, stride, padding)
        dy = torch.randn_like(y)
        mask = [direction == "dx", direction == "dw", False]
        geometry = ([stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1)

        def call():
            if direction == "forward":
                torch.conv2d(x, w, None, stride, padding)
            else:
                backward(dy, x, w, None, *geometry, mask)

        with torch.no_grad():
            seconds = common.measure(call, arguments)
        flops = 2 * y.numel() * kernel * kernel * inputs
        common.report(arguments, row, f"PyTorch {torch.__version__} {arguments.setting}", seconds, f"{flops / seconds * 1e-9:.1f} GFLOP/s")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_arguments(parser)
    arguments = parser.parse_args()
    return run(arguments) if arguments.setting else common.each_in_its_own_process(__file__, SETTINGS, arguments.limit)


if __name__ == "__main__":
    sys.exit(main())
