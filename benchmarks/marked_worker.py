"""The worker, which notes when a photo passes its steps: ``celery -A`` runs `app`."""

import worker.pipeline
from benchmarks.marks import mark
from shared.items import ItemStore
from worker.inference.openvino_runtime import OpenVINORuntime
from worker.main import app
from worker.pipeline import Pipeline
from worker.transport import SurvivingTransport

__all__ = ["app"]

mark(SurvivingTransport, "_deliver", "message")
mark(Pipeline, "run", "task")
mark(ItemStore, "start", "start")
mark(worker.pipeline, "preprocess", "preprocessing")
mark(OpenVINORuntime, "predict", "engine")
