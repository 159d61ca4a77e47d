"""Responses of the service, as clients receive them."""

from typing import Any

MODEL: dict[str, Any] = {
    "name": "m",
    "weights": "w",
    "sha256": "0",
    "device": "cpu",
    "precision": "fp32",
}
TIMING = {"queued": 1, "decode": 1, "inference": 1, "total": 3}
PREDICTIONS = [{"label": "tabby", "class_index": 281, "confidence": 0.5}]
ANSWER: dict[str, Any] = {
    "job_id": "1", "filename": "a.jpg", "status": "succeeded",
    "predictions": PREDICTIONS, "model": MODEL, "timing_ms": TIMING,
}  # fmt: skip
COUNTS = {"total": 1, "queued": 0, "running": 1, "succeeded": 0, "failed": 0, "cancelled": 0}
JOB: dict[str, Any] = {
    "job_id": "1", "status": "running", "created_at": "2026-11-26T09:00:00Z",
    "finished_at": None, "expires_at": None, "counts": COUNTS, "items": [], "next": None,
}  # fmt: skip
