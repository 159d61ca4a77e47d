"""Every client gets its photos classified, or an error that its user can act on."""

import io
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from tests.clients.clients import CLIENTS, Answer
from tests.support.live_service import LiveService, coloured

LIMIT = 20 * 2**20  # MAX_UPLOAD_BYTES by default
NAMES = {"写真 1.png": 40, "Größe.png": 80, "кот.png": 120}
FORMS = [name for name, client in CLIENTS.items() if client.form]
BODIES = [name for name, client in CLIENTS.items() if not client.form]
Send = Callable[[str, str, str, Sequence[Path]], Answer]


@pytest.fixture
def send(service: LiveService, environment: dict[str, str]) -> Send:
    def call(client: str, path: str, field: str, photos: Sequence[Path]) -> Answer:
        return CLIENTS[client].send(service.url + path, field, photos, environment)

    return call


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 MB that no compression makes smaller, with a centre of one colour."""
    photo = Image.frombytes("RGB", (2000, 2000), os.urandom(12_000_000))
    photo.paste((0, 200, 0), (500, 500, 1500, 1500))
    out = io.BytesIO()
    photo.save(out, "PNG", compress_level=1)
    path = tmp_path_factory.mktemp("large") / "large.png"
    path.write_bytes(out.getvalue())
    return path


@pytest.fixture(scope="module")
def too_large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third over the limit of 20 MiB, so that it is refused before its end."""
    path = tmp_path_factory.mktemp("too_large") / "too large.png"
    path.write_bytes(coloured(10) + os.urandom(30_000_000))
    return path


def top(answer: Answer) -> str:
    assert answer.status == 200, answer
    return str(json.loads(answer.body)["predictions"][0]["label"])


@pytest.mark.parametrize("client", CLIENTS)
def test_one_photo(client: str, send: Send, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(coloured(77))
    assert top(send(client, "/predict", "file", [photo])) == "class 77"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_large_photo(client: str, send: Send, large: Path) -> None:
    assert top(send(client, "/predict", "file", [large])) == "class 200"


@pytest.mark.parametrize("client", FORMS)
def test_a_batch_keeps_its_names(
    client: str, send: Send, service: LiveService, tmp_path: Path
) -> None:
    photos = [tmp_path / name for name in NAMES]
    for photo in photos:
        photo.write_bytes(coloured(NAMES[photo.name]))
    answer = send(client, "/jobs", "files", photos)
    assert answer.status == 202, answer
    job = f"/jobs/{json.loads(answer.body)['job_id']}"
    service.until(lambda: service.api.client.get(job).json()["finished_at"] is not None)
    items = service.api.client.get(f"{job}/results").json()["items"]
    found = {item["filename"]: item["predictions"][0]["label"] for item in items}
    assert found == {
        CLIENTS[client].reports(name): f"class {green}" for name, green in NAMES.items()
    }


@pytest.mark.parametrize("client", BODIES)
def test_a_batch_as_a_raw_body_is_told_what_to_send(
    client: str, send: Send, tmp_path: Path
) -> None:
    photo = tmp_path / "写真.png"
    photo.write_bytes(coloured(77))
    answer = send(client, "/jobs", "files", [photo])
    assert answer.status in (400, 415), answer
    assert "files" in json.loads(answer.body)["detail"], answer


@pytest.mark.parametrize("client", CLIENTS)
def test_a_refusal_before_the_bodys_end_arrives(client: str, send: Send, too_large: Path) -> None:
    answer = send(client, "/predict", "file", [too_large])
    assert answer.status == 413, answer
    problem = json.loads(answer.body)
    assert problem["type"] == "/problems/upload_too_large"
    assert f"at most {LIMIT} bytes. Send a smaller photo" in problem["detail"]
