#!/usr/bin/env bash
# tritonclient and the Open Inference Protocol: a photo cannot be sent as JSON, only as binary data.
#
# One would guess: the protocol's JSON form takes any BYTES tensor, and the client's
# `binary_data=False` writes it, in base64 where it must, as most JSON interfaces for pictures do.
# Seen on 2026-11-29 (tritonclient 2.73.0): for an array of bytes that are not UTF-8, such as any
# JPEG, set_data_from_numpy raises InferenceServerException and asks for binary_data=True. The
# protocol has no base64, so its JSON form carries text alone. A server for these clients has to
# read the binary tensor extension (Inference-Header-Content-Length), although its specification
# calls it optional: https://github.com/kserve/open-inference-protocol (specification/protocol).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install -q --disable-pip-version-check 'tritonclient[http]==2.73.0'
venv/bin/python - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from tritonclient.http import InferInput
from tritonclient.utils import InferenceServerException

print("tritonclient", version("tritonclient"))
text, photo = b"photo", bytes.fromhex("ffd8ffe000104a464946")


def said(data, **options):
    tensor = InferInput("image", [1], "BYTES")
    try:
        tensor.set_data_from_numpy(np.array([data], dtype=object), **options)
    except InferenceServerException as error:
        return str(error)
    return "taken"


results = {name: said(data, binary_data=False) for name, data in (("text", text), ("photo", photo))}
results["photo, binary"] = said(photo, binary_data=True)
print(results)
assert results["text"] == results["photo, binary"] == "taken"
assert results["photo"] != "taken", "bytes that are not text can be sent as JSON now"
PYTHON
