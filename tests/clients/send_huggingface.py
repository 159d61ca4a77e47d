"""URL FILE TOKEN TOP_K: an image's classes by ``huggingface_hub``, as JSON; or its error."""

import json
import sys

from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

url, path, token, top_k = sys.argv[1:]
client = InferenceClient(model=url, token=token or None)
try:
    found = client.image_classification(path, top_k=int(top_k) if top_k else None)
except HfHubHTTPError as error:
    answer = {"status": error.response.status_code, "message": str(error)}
else:
    answer = [{"label": each.label, "score": each.score} for each in found]
sys.stdout.write(json.dumps(answer))
