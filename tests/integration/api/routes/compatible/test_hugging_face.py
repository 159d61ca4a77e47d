"""``POST /hf`` over real HTTP and real Redis; the worker is played."""

import base64

import httpx
import pytest

from shared.errors import InvalidImage
from shared.messages import ItemResult, Problem
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import PlayedWorker

PHOTO = jpeg()
IN_TEXT = base64.b64encode(PHOTO).decode()
pytestmark = pytest.mark.usefixtures("worker")


def inputs(**parameters: object) -> dict[str, object]:
    return {"json": {"inputs": IN_TEXT, "parameters": parameters}}


SENT = {
    "raw bytes": ({"content": PHOTO}, 5),
    "JSON": ({"json": {"inputs": IN_TEXT}}, 5),
    "JSON with a data: URI": ({"json": {"inputs": f"data:image/jpeg;base64,{IN_TEXT}"}}, 5),
    "parameters": (inputs(top_k=2, function_to_apply="softmax"), 2),
    "null parameters": (inputs(top_k=None, function_to_apply=None), 5),
    "a whole number": (inputs(top_k=2.0), 2),
    "no parameters": ({"json": {"inputs": IN_TEXT, "parameters": None}}, 5),
    "top_k in the address": ({"content": PHOTO, "params": {"top_k": 7}}, 7),
    "both": ({**inputs(top_k=2), "params": {"top_k": 7}}, 2),
}


@pytest.mark.parametrize(("request_", "count"), SENT.values(), ids=SENT)
def test_labels_and_scores_are_returned(
    client: httpx.Client, request_: dict[str, object], count: int
) -> None:
    answer = client.post("/hf", **request_)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    expected = [{"label": f"class {at}", "score": 1 / (at + 2)} for at in range(count)]
    assert answer.json() == expected


BAD = {
    "nothing": ({"content": b""}, 400, "empty"),
    "a GIF": ({"content": b"GIF89a" + bytes(50)}, 415, "a GIF image"),
    "base64 as the body": ({"content": IN_TEXT}, 415, '{"inputs": "<base64>"}'),
    "a data: URI as the body": ({"content": "data:image/png;base64,AA"}, 415, '{"inputs": "data:'),
    "a list": ({"json": [IN_TEXT]}, 400, '{"inputs": "<base64'),
    "JSON of /predict": ({"json": {"image": IN_TEXT}}, 400, "inputs: Field required"),
    "malformed base64": ({"json": {"inputs": "*"}}, 400, "not valid base64"),
    "an address": ({"json": {"inputs": "https://example.org/a.jpg"}}, 400, "not fetched"),
    "a list of photos": ({"json": {"inputs": [IN_TEXT]}}, 400, "inputs: Input should be a valid"),
    "cut off": ({"content": b'{"inputs": "'}, 400, "The JSON must be"),
    "many values": ({"json": {"inputs": "", "x": [0] * 1_001}}, 400, "too many values"),
    "an unknown field": ({"json": {"inputs": "", "options": {}}}, 400, "options: Extra inputs"),
    "an unknown parameter": (inputs(topk=3), 422, "parameters.topk: Extra inputs"),
    "another function": (inputs(function_to_apply="sigmoid"), 422, "function_to_apply"),
    "top_k 0": (inputs(top_k=0), 422, "parameters.top_k: Input should be greater"),
    "top_k 101": (inputs(top_k=101), 422, "parameters.top_k: Input should be less"),
    "top_k in words": (inputs(top_k="3"), 422, "parameters.top_k: Input should be a valid int"),
    "a fraction": (inputs(top_k=2.5), 422, "parameters.top_k: Input should be a valid int"),
    "an unknown query": ({"content": PHOTO, "params": {"explain": "true"}}, 422, "explain"),
    "too many bytes": ({"content": PHOTO + bytes(200_000)}, 413, "at most 200000 bytes"),
    "too many bytes of base64": (
        {"json": {"inputs": base64.b64encode(PHOTO + bytes(200_000)).decode()}},
        413,
        "at most 200000 bytes",
    ),
    "a body beyond any base64": ({"content": b'{"inputs": "' + b"A" * 400_000}, 413, "at most"),
}


@pytest.mark.parametrize(("request_", "status", "text"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_a_form_that_its_clients_show(
    api: ApiProcess, request_: dict[str, object], status: int, text: str
) -> None:
    before = api.stored()  # the played worker deletes nothing
    answer = api.client.post("/hf", **request_)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    problem = answer.json()
    assert text in problem["error"]
    assert problem["error"] == problem["detail"]
    assert problem["status"] == status
    assert api.stored() == before


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("DELETE", 405)])
def test_another_method_is_refused_in_the_same_form(
    client: httpx.Client, method: str, status: int
) -> None:
    answer = client.request(method, "/hf")
    assert answer.status_code == status
    assert "use POST" in answer.json()["error"]
    assert answer.headers["allow"] == "POST"


def test_a_photo_that_fails_is_an_error(client: httpx.Client, worker: PlayedWorker) -> None:
    worker.answer = lambda _: ItemResult(error=Problem.of(InvalidImage("It is damaged.")))
    answer = client.post("/hf", content=PHOTO)
    assert (answer.status_code, answer.json()["error"]) == (422, "It is damaged.")


def test_a_result_that_is_late_is_an_error_and_the_photo_is_cancelled(
    api: ApiProcess, worker: PlayedWorker
) -> None:
    worker.listen_to("no such queue")
    before = api.stored()
    answer = api.client.post("/hf", content=PHOTO, headers={"prefer": "wait=1"})
    assert answer.status_code == 504
    assert answer.json()["type"] == "/problems/result_timeout"
    assert "within 1 s" in answer.json()["error"]
    assert api.stored() == before
