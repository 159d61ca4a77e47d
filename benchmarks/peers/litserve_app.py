"""LitServe: a LitAPI that decodes in ``decode_request`` and predicts up to 8 photos at a time.

https://lightning.ai/docs/litserve/features/batching
"""

import sys
from typing import Any

import litserve
from fastapi import Request

from benchmarks.peers.answer import Engine, Prediction
from benchmarks.peers.engine_choice import load_engine

MAX_BATCH_SIZE = 8
BATCH_TIMEOUT_S = 0.01


class Classifier(litserve.LitAPI):
    """The API; LitServe runs it in one worker process, and the server in another."""

    engine: Engine

    def setup(self, device: str) -> None:
        """Load the model."""
        del device
        self.engine = load_engine(several=True)

    def decode_request(self, request: Request) -> Any:
        """Decode the photo in a form that LitServe has parsed; returns the model's input."""
        return self.engine.prepare(request["file"].file.read())

    def batch(self, inputs: list[Any]) -> list[Any]:
        """Return the inputs unchanged: the engine stacks them."""
        return inputs

    def predict(self, x: list[Any]) -> list[list[Prediction]]:
        """Classify a batch; returns the response for each photo."""
        return self.engine.predict(x)

    def unbatch(self, output: list[list[Prediction]]) -> list[list[Prediction]]:
        """Return the list unchanged: it has one response per photo."""
        return output

    def encode_response(self, output: list[Prediction]) -> dict[str, list[Prediction]]:
        """The response for one photo."""
        return {"predictions": output}


if __name__ == "__main__":
    api = Classifier(max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_TIMEOUT_S)
    server = litserve.LitServer(api, accelerator="cpu")
    options = {"generate_client_file": False, "log_level": "warning"}
    server.run(host="127.0.0.1", port=int(sys.argv[1]), **options)
