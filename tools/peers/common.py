"""Shared by the peers' scripts: timing in the manner of mode-bench, one JSON line per result, and the ResNet in PyTorch."""

import json
import os
import pathlib
import re
import resource
import signal
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "golden"))  # resnet.py: an independent PyTorch definition of the networks


def add_arguments(parser):
    """The arguments of every peer script."""
    parser.add_argument("--bench", default=str(ROOT / "build" / "mode-bench"), help="path of mode-bench, the source of the row names")
    parser.add_argument("--filter", default=".", help="regular expression of row names")
    parser.add_argument("--threads", type=int, default=0, help="number of threads; 0: all")
    parser.add_argument("--min-time", type=float, default=0.3, help="shortest repetition in seconds")
    parser.add_argument("--repetitions", type=int, default=3, help="number of repetitions; their median is reported")
    parser.add_argument("--limit", type=float, default=600, help="seconds after which a setting is abandoned and named")
    parser.add_argument("--json", help="file to which one line per result is appended")
    parser.add_argument("--setting", help="one setting, run in this process")


def row_names(bench: str, pattern: str, prefix: str) -> list:
    """mode-bench's rows under `prefix` that match, so that both sides time the same shapes."""
    listed = subprocess.run([bench, "--list"], check=True, capture_output=True, text=True).stdout.split()
    return [name for name in listed if name.startswith(prefix) and re.search(pattern, name)]


def measure(call, arguments) -> float:
    """Seconds of one call: median over repetitions that each last at least min_time."""
    call()
    call()
    seconds = []
    for _ in range(arguments.repetitions):
        calls, start = 0, time.perf_counter()
        while True:
            call()
            calls += 1
            elapsed = time.perf_counter() - start
            if elapsed >= arguments.min_time:
                break
        seconds.append(elapsed / calls)
    return statistics.median(seconds)


def resident_bytes() -> int:
    """Peak resident memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def report(arguments, name: str, peer: str, seconds: float, note: str = "", **more):
    print(f"{name:<44} {seconds * 1e3:>10.3f} ms  {peer}  {note}", flush=True)
    if arguments.json:
        with open(arguments.json, "a", encoding="utf-8") as file:
            file.write(json.dumps(dict(name=name, peer=peer, seconds=seconds, **more)) + "\n")


def each_in_its_own_process(script: str, settings, limit: float, environment=None) -> int:
    """Runs `script` again once per setting, with the arguments this process got. A failing setting is named and skipped."""
    worked = 0
    for setting in settings:
        # A new session, so that a compiler's child processes end with it.
        child = subprocess.Popen([sys.executable, script, *sys.argv[1:], "--setting", setting], start_new_session=True,
                                 env=environment(setting) if environment else None)
        try:
            status = child.wait(limit)
            reason = f"signal {-status}" if status < 0 else f"exit status {status}"
        except subprocess.TimeoutExpired:
            status, reason = 1, f"not done after {limit:g} s"
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        if status == 0:
            worked += 1
        else:
            print(f"setting {setting}: did not run ({reason}); skipped", flush=True)
    return 0 if worked else 1


def resnet(arch: str, classes: int = 10):
    """"resnet18", "resnet20" ... with the CIFAR stem, in PyTorch."""
    from resnet import ResNet

    if arch in ("resnet18", "resnet34"):
        return ResNet([2, 2, 2, 2] if arch == "resnet18" else [3, 4, 6, 3], [64, 128, 256, 512], option_a=False, classes=classes)
    blocks = (int(arch.removeprefix("resnet")) - 2) // 6
    return ResNet([blocks] * 3, [16, 32, 64], option_a=True, classes=classes)
