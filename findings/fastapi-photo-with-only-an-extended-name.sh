#!/usr/bin/env bash
# FastAPI with python-multipart: a file part whose name is only in `filename*` is not a file.
#
# One would guess: the part is a photo with Content-Type image/jpeg, and `filename*` (RFC 5987, read
# by HTTP libraries in Content-Disposition of responses) gives or replaces its name.
# Seen on 2026-11-29 (python-multipart 0.0.34, Starlette 1.10.0, FastAPI 0.165.0): the parser drops
# the parameter. With both parameters, as .NET's MultipartFormDataContent sends them, the ASCII
# stand-in is the name. With `filename*` by itself the photo becomes a *text* field: an UploadFile
# parameter answers 422 "Expected UploadFile, received: <class 'str'>", and its `input` repeats the
# photo's bytes to the client. RFC 7578, 4.2 forbids senders the parameter, and says nothing of
# what a receiver does: https://www.rfc-editor.org/rfc/rfc7578#section-4.2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install -q --disable-pip-version-check fastapi==0.165.0 starlette==1.10.0 python-multipart==0.0.34 httpx==0.28.1
venv/bin/python - <<'PYTHON'
import asyncio
from importlib.metadata import version

import httpx
from fastapi import FastAPI, UploadFile

print({name: version(name) for name in ("fastapi", "starlette", "python-multipart")})
app = FastAPI()


@app.post("/photos")
async def photos(file: UploadFile) -> str | None:
    return file.filename


async def answer(parameters):
    head = f'Content-Disposition: form-data; name="file"; {parameters}\r\nContent-Type: image/jpeg'
    body = f"--b\r\n{head}\r\n\r\nphoto\r\n--b--\r\n"
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        return await client.post("/photos", content=body, headers=kind)


EXTENDED = "filename*=utf-8''%E7%8C%AB.jpg"
both = asyncio.run(answer(f'filename="cat.jpg"; {EXTENDED}'))
alone = asyncio.run(answer(EXTENDED))
print(both.status_code, both.text, "|", alone.status_code, alone.text)
assert (both.status_code, both.json()) == (200, "cat.jpg"), "filename* counts now"
assert alone.status_code == 422, "a part with only filename* is a file now"
assert alone.json()["detail"][0]["input"] == "photo", "the text is not repeated now"
PYTHON
