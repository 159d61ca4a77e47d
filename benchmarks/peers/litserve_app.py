"""LitServe: a LitAPI that decodes in ``decode_request`` and predicts batches of up to 8.

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
    """One worker process; the server is another."""

    engine: Engine

    def setup(self, device: str) -> None:
        """Load the model."""
        del device
        self.engine = load_engine()

    def decode_request(self, request: Request) -> Any:
        """A form, which LitServe has parsed, → the model's input."""
        return self.engine.prepare(request["file"].file.read())

    def batch(self, inputs: list[Any]) -> list[Any]:
        """The engine stacks them itself."""
        return inputs

    def predict(self, x: list[Any]) -> list[list[Prediction]]:
        """Inputs of some photos → the answer for each."""
        return self.engine.predict(x)

    def unbatch(self, output: list[list[Prediction]]) -> list[list[Prediction]]:
        """One answer for each input."""
        return output

    def encode_response(self, output: list[Prediction]) -> dict[str, list[Prediction]]:
        """One photo's answer."""
        return {"predictions": output}


if __name__ == "__main__":
    api = Classifier(max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_TIMEOUT_S)
    server = litserve.LitServer(api, accelerator="cpu")
    options = {"generate_client_file": False, "log_level": "warning"}
    server.run(host="127.0.0.1", port=int(sys.argv[1]), **options)
