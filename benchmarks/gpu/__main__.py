"""``python -m benchmarks.gpu``: runs all checks on one GPU; prints a table for docs/performance.md.

Needs no network. Steps that have not started when the time is up are skipped and listed. Exits with
1 if a check failed. `--device cpu --quick` tries the program on a machine without a GPU.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

from benchmarks.gpu import checks, inputs, service, speed
from benchmarks.gpu.report import Row, written
from worker.models.selection import ModelSpec

Step = tuple[str, Callable[[], list[Row]]]


def steps(device: str, quick: bool, folder: Path) -> Iterator[Step]:
    """The checks and benchmarks, the most important first: title and function."""
    resnet, packaged = inputs.random_resnet(folder), inputs.packaged()
    few = 2 if quick else 64
    for spec in (packaged, resnet):
        for precision in ("fp32", "bf16"):
            check = partial(checks.agreement, spec, device, precision, few)
            yield f"agreement of {spec.name} in {precision}", partial(_one, check)
    if device != "cpu":  # on a CPU, a lack of memory ends the process
        yield "out of memory", lambda: [checks.out_of_memory(folder, device, 2_000, 1_024)]
    yield "lasting fault", lambda: [checks.lasting_fault(folder, device)]
    sizes = (1, 2) if quick else (1, 2, 4, 8, 16, 32, 64, 128)
    yield "speed by batch size", lambda: speed.by_batch_size(resnet, device, sizes)
    yield "the service", lambda: whole_service(resnet, device, quick, folder)
    yield "torch.compile", lambda: [speed.compiled(resnet, device, sizes[-1])]


def _one(check: Callable[[], Row]) -> list[Row]:
    return [check()]


def whole_service(spec: ModelSpec, device: str, quick: bool, folder: Path) -> list[Row]:
    """Measure the service: closed loops of `/predict`, then a batch."""
    photos = inputs.photos(folder / "photos")
    listed = folder / "photos.txt"
    listed.write_text("\n".join(map(str, photos)))
    first = photos[0].read_bytes()
    connections, size, seconds = ((2,), 20, 3.0) if quick else ((32, 256), 5_000, 20.0)
    with service.started(spec, device, folder, first) as server:
        rows = service.loops(server, listed, connections, seconds)
        return [*rows, service.large_batch(server, photos, size)]


def machine(device: str) -> str:
    """The title of the table: GPU, cores and versions."""
    name = torch.cuda.get_device_name() if device != "cpu" else "no GPU"
    cores = len(os.sched_getaffinity(0))
    return f"{name}, {cores} cores, torch {torch.__version__}, Python {platform.python_version()}"


def main() -> int:
    """Run the steps and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument(
        "--device",
        default="cuda",
        help="cuda, cuda:N, or cpu to try the program (default: %(default)s)",
    )
    parser.add_argument("--quick", action="store_true", help="few photos and short measurements")
    parser.add_argument(
        "--seconds",
        type=float,
        default=540,
        help="start no step after this time (default: %(default)s)",
    )
    chosen = parser.parse_args()
    began, rows, failed = time.monotonic(), [], False
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as name:
        for title, step in steps(chosen.device, chosen.quick, Path(name)):
            if time.monotonic() - began > chosen.seconds:
                rows.append(Row(title, "skipped: the time was up"))
                continue
            print(f"{time.monotonic() - began:5.0f} s  {title}", file=sys.stderr, flush=True)
            try:
                rows += step()
            except Exception:  # noqa: BLE001 - one step that fails must not cost the others
                traceback.print_exc()
                rows.append(Row(title, "failed: see the error above", good=False))
    print(written(machine(chosen.device), rows))
    failed = any(row.good is False for row in rows)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
