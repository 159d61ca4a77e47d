"""`PHOTO_FORMATS`: what api and worker accept at each endpoint, and what `/model` lists."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from redis import Redis

from shared.redis_client import connect
from tests.hostile.avifs import avif
from tests.hostile.heics import heic
from tests.hostile.webps import webp
from tests.support.api_process import ApiProcess
from tests.support.redis_server import RedisServer
from tests.support.served import eventually
from tests.support.worker_process import ROOT, WorkerProcess

GREEN = 7
PICTURE = Image.new("RGB", (300, 260), (0, GREEN, 0))
PHOTOS = {
    "webp": webp(PICTURE),
    "avif": avif(PICTURE, quality=100, subsampling="4:4:4"),
    "heic": heic(PICTURE, quality=-1, chroma=444),
}
REFUSED = {
    "webp": "The content is a WebP image.",
    "avif": "The content is an AVIF image.",
    "heic": "The content is a HEIC image.",
}
ALL = "jpeg,png,webp,avif,heic"


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Redis]:
    with connect(redis_server.url, 2) as made:
        yield made


def service(
    client: Redis, folder: Path, url: str, *, in_api: str, in_worker: str
) -> Iterator[ApiProcess]:
    """An api and a worker, with the two settings; empty is not set."""
    with ApiProcess(url, folder, PHOTO_FORMATS=in_api) as api:
        env = {
            "REDIS_URL": api.redis_url,
            "UPLOADS_URL": api.uploads.as_uri(),
            "SCRIPTED_FAST": "1",
            "PHOTO_FORMATS": in_worker,
        }
        with WorkerProcess(env, folder / "worker.log") as worker:
            worker.wait_ready(client)
            eventually(lambda: api.client.get("/health/ready").status_code == 200, 20)
            yield api


@pytest.fixture
def default(client: Redis, tmp_path: Path, redis_server: RedisServer) -> Iterator[ApiProcess]:
    yield from service(client, tmp_path, redis_server.url, in_api="", in_worker="")


@pytest.fixture
def listed(client: Redis, tmp_path: Path, redis_server: RedisServer) -> Iterator[ApiProcess]:
    yield from service(client, tmp_path, redis_server.url, in_api=ALL, in_worker=ALL)


@pytest.fixture
def only_in_the_api(
    client: Redis, tmp_path: Path, redis_server: RedisServer
) -> Iterator[ApiProcess]:
    yield from service(client, tmp_path, redis_server.url, in_api=ALL, in_worker="")


def each_way(api: ApiProcess, photo: bytes) -> Iterator[tuple[int, str]]:
    """Status and the first class, or the detail of the error, at each endpoint."""
    text = base64.b64encode(photo).decode()
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]}
    requests: list[tuple[str, dict[str, Any]]] = [
        ("/predict", {"content": photo}),
        ("/predict", {"files": {"file": ("a", photo)}}),
        ("/predict", {"files": {"file": photo}}),
        ("/predict", {"json": {"image": text}}),
        ("/hf", {"content": photo}),
        ("/hf", {"json": {"inputs": text}}),
        ("/v2/models/scripted/infer", {"json": {"inputs": [tensor]}}),
    ]
    for path, options in requests:
        answer = api.client.post(path, **options)
        yield answer.status_code, answer.text
    job = api.client.post("/jobs", files=[("files", ("a", photo))]).headers["location"]
    eventually(lambda: bool(api.client.get(job).json()["finished_at"]), 60)
    [item] = api.client.get(job).json()["items"]
    error = item.get("error") or {"status": 200, "detail": str(item.get("predictions"))}
    yield error["status"], error["detail"]


def test_a_default_install_accepts_jpeg_and_png_only(default: ApiProcess) -> None:
    assert default.client.get("/model").json()["formats"] == ["jpeg", "png"]
    for kind, photo in PHOTOS.items():
        for status, text in each_way(default, photo):
            assert status == 415
            assert f"{REFUSED[kind]} Convert it to JPEG or PNG." in text
    empty = default.client.post("/predict", content=b"").json()["detail"]
    assert empty == "The body is empty. Send a JPEG or PNG."
    neither = default.client.post("/predict", content=b"\1\2\3\4" * 9).json()["detail"]
    assert neither == "The content is neither JPEG nor PNG. Convert it to JPEG or PNG."


def test_every_endpoint_accepts_what_the_setting_lists(listed: ApiProcess) -> None:
    assert listed.client.get("/model").json()["formats"] == ALL.split(",")
    for photo in PHOTOS.values():
        for status, text in each_way(listed, photo):
            assert status == 200, text
            assert f"class {GREEN}" in text
    for status, text in each_way(listed, b"GIF89a" + bytes(99)):
        assert status == 415
        assert "The content is a GIF image. Convert it to JPEG, PNG, WebP, AVIF or HEIC." in text
    for status, text in each_way(listed, PHOTOS["webp"].replace(b"\0", b"")):
        assert status == 415
        assert "The bytes of the WebP were changed" in text


def test_a_worker_without_the_setting_says_so(only_in_the_api: ApiProcess) -> None:
    assert only_in_the_api.client.get("/model").json()["formats"] == ["jpeg", "png"]
    for photo in PHOTOS.values():
        for status, text in each_way(only_in_the_api, photo):
            assert status == 415
            assert "The content is neither JPEG nor PNG. Convert it to JPEG or PNG." in text


def test_a_worker_without_the_decoder_of_heics_ends_its_start_with_one_line(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "pillow_heif.py").write_text("raise ImportError('not installed')")
    env = {
        "REDIS_URL": redis_server.url,
        "UPLOADS_URL": tmp_path.as_uri(),
        "PHOTO_FORMATS": ALL,
        "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}",
    }
    command = [sys.executable, "-m", "celery", "-q", "-A", "worker.main", "worker", "-P", "threads"]
    done = subprocess.run(
        command,
        env={**os.environ, **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    last = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert "pip install -r worker/requirements-heic.txt" in last
    assert "Traceback" not in done.stdout + done.stderr
