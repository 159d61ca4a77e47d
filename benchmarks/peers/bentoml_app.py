"""BentoML: a service with adaptive batching, up to 8 photos.

https://docs.bentoml.com/en/latest/get-started/adaptive-batching.html
"""

import bentoml
from PIL import Image

from benchmarks.peers.torch_engine import TorchEngine

MAX_BATCH_SIZE = 8


@bentoml.service(traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Classifier:
    """The service; BentoML runs it in one worker process."""

    def __init__(self) -> None:
        self.engine = TorchEngine()

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH_SIZE)
    def predict(self, file: list[Image.Image]) -> list[list[dict[str, float]]]:
        """Classify photos that BentoML has opened; returns the response for each."""
        return self.engine.predict([self.engine.transform(image) for image in file])
