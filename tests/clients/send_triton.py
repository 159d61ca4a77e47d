"""URL MODEL KEY FILE…: the classes of images by ``tritonclient``, as JSON; or its error."""

import json
import sys
from pathlib import Path

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

address, model, key, *paths = sys.argv[1:]
headers = {"authorization": f"Bearer {key}"} if key else None
client = InferenceServerClient(address)
image = InferInput("image", [len(paths), 1], "BYTES")
image.set_data_from_numpy(np.array([[Path(path).read_bytes()] for path in paths], dtype=np.object_))
as_json = [InferRequestedOutput(name, binary_data=False) for name in ("label", "score")]
try:
    answer = {
        "live": client.is_server_live(headers),
        "ready": client.is_server_ready(headers),
        "model_ready": client.is_model_ready(model, headers=headers),
        "server": client.get_server_metadata(headers)["extensions"],
        "model": client.get_model_metadata(model, headers=headers)["name"],
    }
    for form, outputs in {"binary": None, "json": as_json}.items():
        result = client.infer(
            model, [image], outputs=outputs, headers=headers, parameters={"top_k": 2}
        )
        labels = [[str(label, "utf-8") if isinstance(label, bytes) else label for label in row]
                  for row in result.as_numpy("label")]  # fmt: skip
        answer[form] = [labels, result.as_numpy("score").tolist()]
except InferenceServerException as error:
    answer = {"status": error.status(), "message": error.message()}
client.close()
sys.stdout.write(json.dumps(answer))
