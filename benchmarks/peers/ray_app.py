"""Ray Serve: a deployment with dynamic request batching, up to 8 photos.

https://docs.ray.io/en/latest/serve/advanced-guides/dyn-req-batch.html
"""

import argparse
import os
import signal
from typing import Any

import ray
from ray import serve
from ray.serve.schema import LoggingConfig
from starlette.requests import Request

from benchmarks.peers.answer import Prediction
from benchmarks.peers.torch_engine import TorchEngine

MAX_BATCH_SIZE = 8
BATCH_WAIT_S = 0.01
CORES = os.cpu_count() or 1  # all for the replica: Ray sets torch's threads to this number


@serve.deployment(ray_actor_options={"num_cpus": CORES}, max_ongoing_requests=64)
class Classifier:
    """The deployment, with one replica."""

    def __init__(self) -> None:
        self.engine = TorchEngine()

    @serve.batch(max_batch_size=MAX_BATCH_SIZE, batch_wait_timeout_s=BATCH_WAIT_S)
    async def predict(self, photos: list[bytes]) -> list[list[Prediction]]:
        """Classify a batch of files; returns the response for each."""
        return self.engine.predict([self.engine.prepare(data) for data in photos])

    async def __call__(self, request: Request) -> list[Prediction]:
        """Classify the photo in a form; returns its response."""
        async with request.form() as form:
            file: Any = form["file"]
            answer: list[Prediction] = await self.predict(await file.read())
        return answer


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    ray.init(num_cpus=CORES, include_dashboard=False)
    serve.start(http_options={"host": "127.0.0.1", "port": parser.parse_args().port})
    quiet = LoggingConfig(enable_access_log=False)
    application = Classifier.bind()  # type: ignore[attr-defined]  # mypy cannot see Ray
    serve.run(application, route_prefix="/predict", logging_config=quiet)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    serve.shutdown()
