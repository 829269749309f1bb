#!/usr/bin/env python3
"""PyTorch training steps (forward, cross-entropy, backward, SGD) of mode-bench's training rows, each setting in a new process.

Settings: eager (N, C, H, W), channels_last, compile (channels_last under torch.compile). Memory is the peak of the process, with its value
before the network was made: the interpreter and the libraries.
"""

import argparse
import re
import sys

import common

SETTINGS = ("eager", "channels_last", "compile")


def run(arguments) -> int:
    import torch
    import torch.nn.functional as F

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    arch, batch = re.fullmatch(r"training/(resnet\d+)/batch(\d+)", arguments.row).groups()
    before = common.resident_bytes()
    net, x = common.resnet(arch).train(), torch.rand(int(batch), 3, 32, 32) * 2 - 1
    if arguments.setting != "eager":
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    labels = torch.arange(int(batch)) % 10
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    forward = torch.compile(net) if arguments.setting == "compile" else net

    def step():
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(forward(x)[1], labels).backward()
        optimizer.step()

    seconds = common.measure(step, arguments)
    peak = common.resident_bytes()
    note = f"{int(batch) / seconds:.1f} img/s, {peak / 1e6:.0f} MB resident ({before / 1e6:.0f} MB before the network), {torch.get_num_threads()} threads"
    common.report(arguments, arguments.row, f"PyTorch {torch.__version__} {arguments.setting}", seconds, note, resident_bytes=peak,
                  resident_bytes_before=before)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_arguments(parser)
    parser.add_argument("--row", help="one row, together with --setting")
    arguments = parser.parse_args()
    if arguments.row and arguments.setting:
        return run(arguments)
    worst = 0
    chosen = [arguments.setting] if arguments.setting else SETTINGS
    for row in common.row_names(arguments.bench, arguments.filter, "training/"):
        sys.argv += ["--row", row]
        worst = max(worst, common.each_in_its_own_process(__file__, chosen, arguments.limit))
        del sys.argv[-2:]
    return worst


if __name__ == "__main__":
    sys.exit(main())
