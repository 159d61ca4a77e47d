"""The worker, recording the steps of a photo; ``celery -A`` runs `app`."""

from benchmarks.marked.marks import mark
from shared.records.items import ItemStore
from worker.imaging.preprocess import Plan
from worker.inference.openvino_runtime import OpenVINORuntime
from worker.main import app
from worker.processing.pipeline import Pipeline
from worker.queue.transport import TolerantTransport

__all__ = ["app"]

mark(TolerantTransport, "_deliver", "message")
mark(Pipeline, "run", "task")
mark(ItemStore, "start_all", "start")
mark(Plan, "pixels", "preprocessing")
mark(OpenVINORuntime, "predict", "engine")
