#!/usr/bin/env bash
# huggingface_hub: the token stored on this computer goes to any address that is given as `model`.
#
# One would guess: a stored Hugging Face token is for huggingface.co. An InferenceClient whose model
# is a plain http:// address of another server sends none, unless `token=` is passed.
# Seen on 2026-11-29 (huggingface_hub 2.4.0): the request carries `Authorization: Bearer <the stored
# token>`, without encryption and to a server that has nothing to do with Hugging Face.
# `token=False`, which other calls of this library take for "send none", raises TypeError here; an
# empty string is taken for "not given". So who serves photos to these clients may receive a
# stranger's token, and should neither log nor keep that header.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install -q --disable-pip-version-check huggingface_hub==2.4.0
mkdir home
printf hf_madeup0000000000000000000000000 >home/token
env -u HF_TOKEN -u HUGGING_FACE_HUB_TOKEN -u HF_HUB_DISABLE_IMPLICIT_TOKEN -u HF_TOKEN_PATH \
    HF_HOME="$folder/home" NO_PROXY=127.0.0.1 venv/bin/python - <<'PYTHON'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

from huggingface_hub import InferenceClient

seen = []


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        seen.append(self.headers.get("Authorization"))
        body = b'[{"label": "tabby", "score": 0.9}]'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/hf"
results = {}
for name, options in {"none": {}, "own": {"token": "own"}, "empty": {"token": ""}, "false": {"token": False}}.items():
    try:
        InferenceClient(model=address, **options).image_classification(b"photo")
        results[name] = seen[-1]
    except TypeError as error:
        results[name] = type(error).__name__
print("huggingface_hub", version("huggingface_hub"), results)
STORED = "Bearer hf_madeup0000000000000000000000000"
assert results["none"] == STORED, "the stored token is not sent any more"
assert results["own"] == "Bearer own", "a given token is not sent"
assert results["empty"] == STORED, "an empty token stops the stored one now"
assert results["false"] == "TypeError", "token=False is accepted now"
PYTHON
