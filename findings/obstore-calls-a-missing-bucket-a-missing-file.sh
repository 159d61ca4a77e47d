#!/usr/bin/env bash
# obstore deleting from S3: `FileNotFoundError` never means that the object is gone already.
#
# One would guess: deleting what does not exist raises FileNotFoundError, as os.remove does, so that a
# clean-up may ignore it; or, as S3 answers 204 or <Deleted> for a missing object, it never comes.
# Seen on 2026-11-29 (obstore 0.12.1): it comes, and only where nothing was deleted at all. Each
# delete, also of one object, is a bulk request (POST /bucket?delete). A server that answers 404 to
# this request, because the bucket's name is wrong or because it has no bulk deletes, becomes
# "FileNotFoundError: Object at location a,b not found", and a clean-up that ignores it leaves every
# object where it is. A missing object gives no error. S3 documents 404 NoSuchBucket:
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install -q --disable-pip-version-check obstore==0.12.1
venv/bin/python - <<'PYTHON'
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]  # the server is here

import obstore
from obstore.store import S3Store

print("obstore", obstore.__version__)
MISSING_BUCKET = (
    404,
    b"<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>",
)
# what S3 answers for keys that exist and for keys that do not
DELETED = (
    200,
    b"<DeleteResult><Deleted><Key>a</Key></Deleted><Deleted><Key>b</Key></Deleted></DeleteResult>",
)
requests = []


class Server(BaseHTTPRequestHandler):
    answer = MISSING_BUCKET

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        requests.append((self.command, self.path))
        status, body = Server.answer
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_DELETE = do_POST

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
store = S3Store(
    "photos",
    endpoint=f"http://127.0.0.1:{server.server_port}",
    region="us-east-1",
    access_key_id="key",
    secret_access_key="secret",
    client_options={"allow_http": True},
)


def deleted(paths):
    try:
        return obstore.delete(store, paths)
    except Exception as error:
        return error


missing = [deleted(["a", "b"]), deleted("a")]
Server.answer = DELETED
gone = deleted(["a", "b"])
for result in missing:
    print(type(result).__name__, str(result).split(":")[0])
print("objects that are gone:", gone, "| requests:", requests)
assert all(isinstance(error, FileNotFoundError) for error in missing), "the bucket's absence differs"
assert "Object at location" in str(missing[0]), "the error names the bucket now"
assert set(requests) == {("POST", "/photos?delete")}, "a single delete is a request of its own now"
assert gone is None, "a missing object is an error now"
PYTHON
