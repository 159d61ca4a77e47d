"""Example responses in the OpenAPI description."""

import json
from typing import Any

_MODEL: dict[str, Any] = {
    "name": "resnet50",
    "weights": "IMAGENET1K_V2",
    "sha256": "11ad3fa6...",
    "device": "cpu",
    "precision": "bf16",
}
# A PNG of one grey pixel: the example must work unchanged.
PHOTO_URI = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNo"
    "AAAAggCB2kUIOwAAAABJRU5ErkJggg=="
)
PREDICTION: dict[str, Any] = {
    "job_id": "5f0c6f4e0f6b4d0f9d9d6f3b5a1c2e3d",
    "filename": "cat.jpg",
    "status": "succeeded",
    "concept": {"label": "domestic cat", "wnid": "n02121808", "confidence": 0.96},
    "predictions": [
        {"label": "tabby", "wnid": "n02123045", "class_index": 281, "confidence": 0.62},
        {"label": "Egyptian cat", "wnid": "n02124075", "class_index": 285, "confidence": 0.21},
        {"label": "tiger cat", "wnid": "n02123159", "class_index": 282, "confidence": 0.12},
    ],
    "model": _MODEL,
    "timing_ms": {"queued": 0.9, "decode": 1.9, "inference": 12.1, "total": 18.3},
}
HF_ANSWER = [
    {"label": found["label"], "score": found["confidence"]} for found in PREDICTION["predictions"]
]
_V2_TENSORS = {"label": "BYTES", "class_index": "INT32", "score": "FP32"}
V2_MODEL = {
    "name": "resnet50",
    "platform": "openvino",
    "inputs": [{"name": "image", "datatype": "BYTES", "shape": [-1]}],
    "outputs": [
        {"name": name, "datatype": datatype, "shape": [-1, -1]}
        for name, datatype in _V2_TENSORS.items()
    ],
}
V2_ANSWER = {
    "model_name": "resnet50",
    "outputs": [
        {
            "name": name,
            "datatype": datatype,
            "shape": [1, 3],
            "data": [
                found["confidence" if name == "score" else name]
                for found in PREDICTION["predictions"]
            ],
        }
        for name, datatype in _V2_TENSORS.items()
    ],
}
_COUNTS: dict[str, Any] = {
    "total": 2,
    "queued": 2,
    "running": 0,
    "succeeded": 0,
    "failed": 0,
    "cancelled": 0,
}
JOB_QUEUED: dict[str, Any] = {
    "job_id": PREDICTION["job_id"],
    "status": "queued",
    "created_at": "2026-01-31T12:00:00.000Z",
    "finished_at": None,
    "expires_at": None,
    "counts": _COUNTS,
    "items": [
        {"index": 0, "filename": "cat.jpg", "status": "queued"},
        {"index": 1, "filename": "notes.txt", "status": "queued"},
    ],
    "next": None,
}
JOB_COMPLETED: dict[str, Any] = {
    **JOB_QUEUED,
    "status": "completed",
    "finished_at": "2026-01-31T12:00:01.000Z",
    "expires_at": "2026-02-01T12:00:01.000Z",
    "counts": {**_COUNTS, "queued": 0, "succeeded": 1, "failed": 1},
    "items": [
        {"index": 0, **{key: PREDICTION[key] for key in PREDICTION if key != "job_id"}},
        {
            "index": 1,
            "filename": "notes.txt",
            "status": "failed",
            "error": {
                "type": "/problems/unsupported_media_type",
                "title": "Unsupported media type",
                "status": 415,
                "detail": "The content is text. Send the bytes of a JPEG or PNG.",
            },
        },
    ],
}
JOB_CANCELLED: dict[str, Any] = {
    **JOB_QUEUED,
    "status": "cancelled",
    "finished_at": "2026-01-31T12:00:01.000Z",
    "expires_at": "2026-02-01T12:00:01.000Z",
    "counts": {**_COUNTS, "queued": 0, "cancelled": 2},
    "items": [{**item, "status": "cancelled"} for item in JOB_QUEUED["items"]],
}
RESULTS_NDJSON = "".join(json.dumps(item) + "\n" for item in JOB_COMPLETED["items"])
RESULTS_CSV = """\
index,path,status,concept,concept_wnid,concept_confidence,label_1,wnid_1,class_index_1,confidence_1,error,detail
0,cat.jpg,succeeded,domestic cat,n02121808,0.96,tabby,n02123045,281,0.62,,
1,notes.txt,failed,,,,,,,,unsupported_media_type,The content is text. \
Send the bytes of a JPEG or PNG.
"""
_PROGRESS = {name: JOB_COMPLETED[name] for name in JOB_COMPLETED if name not in {"items", "next"}}
JOB_LIST = {"jobs": [_PROGRESS], "next": "/jobs?cursor=17&limit=1"}
EVENTS = f"id: end\nevent: end\ndata: {json.dumps(_PROGRESS)}\n\n"
HEALTH: dict[str, Any] = {
    "status": "ok",
    "broker": {"status": "up", "latency_ms": 0.4},
    "workers": [
        {
            "name": "worker@host",
            "status": "idle",
            "device": "cpu",
            "model": "resnet50",
            "precision": "bf16",
            "sha256": _MODEL["sha256"],
            "notice": None,
            "explains": True,
            "in_flight": 0,
            "rate_per_s": 84.2,
            "heartbeat_age_s": 0.7,
        }
    ],
    "queues": {"interactive": 0, "batch": 0},
}
MODEL_CARD: dict[str, Any] = {
    **_MODEL,
    "runtime": "openvino",
    "input_size": [224, 224, 3],
    "transform": "resize 232, bilinear, antialiased; centre crop 224",
    "classes": ["tench", "goldfish", "great white shark"],
    "explains": True,
    "formats": ["jpeg", "png"],
    "notice": None,
}
