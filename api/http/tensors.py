"""The response of an Open Inference Protocol request: labels, class indices and scores."""

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fastapi import Response
from pydantic_core import to_json

from shared.messages import Prediction

JSON_LENGTH = "inference-header-content-length"


def _bytes_tensor(values: Iterable[Any]) -> bytes:
    texts = [value.encode() for value in values]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def _numbers(form: str) -> Callable[[Sequence[Any]], bytes]:
    return lambda values: struct.pack(f"<{len(values)}{form}", *values)


# Name to datatype, the field of a prediction, and the binary form.
OUTPUTS: dict[str, tuple[str, str, Callable[[Sequence[Any]], bytes]]] = {
    "label": ("BYTES", "label", _bytes_tensor),
    "class_index": ("INT32", "class_index", _numbers("i")),
    "score": ("FP32", "confidence", _numbers("f")),
}


def tensor_response(
    photos: Sequence[Sequence[Prediction]], outputs: dict[str, bool], **members: str
) -> Response:
    """The outputs, each with the shape ``[photos, classes]``.

    Args:
        photos: The predictions of each photo, the most probable class first.
        outputs: Names of the outputs, and whether each is sent as binary data after the JSON.
        members: Further members of the JSON.
    """
    columns = min(map(len, photos))
    rows = [found[:columns] for found in photos]
    tensors: list[dict[str, Any]] = []
    binaries: list[bytes] = []
    for name, binary in outputs.items():
        datatype, field, pack = OUTPUTS[name]
        values = [getattr(found, field) for row in rows for found in row]
        tensor: dict[str, Any] = {"name": name, "datatype": datatype, "shape": [len(rows), columns]}
        if binary:
            binaries.append(pack(values))
            tensor["parameters"] = {"binary_data_size": len(binaries[-1])}
        else:
            tensor["data"] = values
        tensors.append(tensor)
    head = to_json({**members, "outputs": tensors})
    if not binaries:
        return Response(head, media_type="application/json")
    headers = {JSON_LENGTH: str(len(head))}
    body = head + b"".join(binaries)
    return Response(body, headers=headers, media_type="application/octet-stream")
