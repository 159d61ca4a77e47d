#!/usr/bin/env bash
# NNCF's accuracy control, with a limit for the absolute drop, fails on a metric that is 0 at best.
#
# One would guess: `quantize_with_accuracy_control(..., max_drop, drop_type=DropType.ABSOLUTE)` only
# subtracts two metrics, so that any metric for which more is better will do, such as the negative
# divergence from the model's own answers, which is 0 for the model itself.
# Seen on 2026-11-29 (nncf 3.4.0, openvino 2026.4.0, Python 3.11): it works out the relative drop too,
# whichever is asked for, and ends with ZeroDivisionError after the model was calibrated and both models
# were validated, minutes for a real network. The same metric plus 1 passes.
# Source: `calculate_accuracy_drop` in nncf/quantization/algorithms/accuracy_control/algorithm.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install -q --disable-pip-version-check nncf==3.4.0 openvino==2026.4.0 numpy
venv/bin/python - <<'PYTHON'
import logging
from importlib.metadata import version

import nncf
import numpy as np
import openvino as ov
from openvino import opset13 as ops

nncf.set_log_level(logging.ERROR)
print({name: version(name) for name in ("nncf", "openvino", "numpy")})
random = np.random.default_rng(0)
photos = [random.normal(0, 1, (1, 3, 16, 16)).astype(np.float32) for _ in range(10)]


def network():
    """Two convolutions with random weights."""
    photo = node = ops.parameter([1, 3, 16, 16], np.float32)
    for channels in (3, 8):
        weights = random.normal(0, 1, (8, channels, 3, 3)).astype(np.float32)
        node = ops.relu(ops.convolution(node, weights, [1, 1], [1, 1], [1, 1], [1, 1]))
    return ov.Model([node], [photo])


def drop_below(limit, best):
    """Quantize; the metric is `best` for the network itself, and less for any other."""
    first = {}

    def validate(compiled, numbers):
        far = []
        for n in numbers:
            answer = compiled(photos[n])[0].copy()
            exact = first.setdefault(n, answer)  # NNCF validates the network itself first
            far.append(float(np.abs(answer - exact).mean()))
        return best - float(np.mean(far)), [best - one for one in far]

    nncf.quantize_with_accuracy_control(
        network(),
        nncf.Dataset(photos),
        nncf.Dataset(list(range(len(photos)))),
        validate,
        max_drop=limit,
        drop_type=nncf.DropType.ABSOLUTE,
    )


drop_below(1e9, best=1.0)
print("best is 1: quantized")
try:
    drop_below(1e9, best=0.0)
except ZeroDivisionError as error:
    print("best is 0:", repr(error))
else:
    raise SystemExit("a metric that is 0 at best is accepted now")
PYTHON
