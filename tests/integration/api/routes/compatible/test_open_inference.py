"""``/v2`` over real HTTP and real Redis; the worker is played."""

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from redis import Redis

from shared.errors import InvalidImage
from shared.messages import ItemResult, ModelCard, Problem, WorkerState
from shared.records.items import StartedItem
from tests.integration.api.conftest import wait_for_status
from tests.support.answers import slug
from tests.support.api_process import ApiProcess
from tests.support.photos import jpeg
from tests.support.played_worker import MODEL, PlayedWorker, succeed
from tests.support.served import eventually

PHOTO = jpeg()
IN_TEXT = base64.b64encode(PHOTO).decode()
INFER = "/v2/models/played/infer"
CARD = ModelCard(
    **MODEL.model_dump(), runtime="none", input_size=[224, 224, 3], transform="none", classes=[]
)


@pytest.fixture(scope="module")
def running_worker(running_api: ApiProcess) -> Iterator[PlayedWorker]:
    """A worker that reports the name of its model."""
    with PlayedWorker(running_api.redis_url, model="played") as played:
        wait_for_status(running_api.client, 200)
        with Redis.from_url(running_api.redis_url) as client:
            client.set("ic:model", CARD.model_dump_json())
        yield played


pytestmark = pytest.mark.usefixtures("worker")


def body(*data: str, **changes: Any) -> dict[str, Any]:
    tensor = {"name": "image", "shape": [len(data)], "datatype": "BYTES", "data": list(data)}
    members = {key: changes.pop(key) for key in ("parameters", "outputs", "id") if key in changes}
    return {"inputs": [{**tensor, **changes}], **members}


def binary(*photos: bytes, size: int = 0, length: int = 0, **changes: Any) -> dict[str, Any]:
    data = b"".join(struct.pack("<I", len(photo)) + photo for photo in photos)
    tensor = {"name": "image", "shape": [len(photos), 1], "datatype": "BYTES"}
    tensor["parameters"] = {"binary_data_size": len(data) + size}
    head = json.dumps({"inputs": [tensor], **changes}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head) + length)}
    return {"content": head + data, "headers": headers}


def test_labels_indices_and_scores_are_returned(client: httpx.Client) -> None:
    answer = client.post(INFER, json=body(IN_TEXT, id="seven"))
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "model_name": "played",
        "id": "seven",
        "outputs": [
            {
                "name": "label", "datatype": "BYTES", "shape": [1, 3],
                "data": ["class 0", "class 1", "class 2"],
            },
            {"name": "class_index", "datatype": "INT32", "shape": [1, 3], "data": [0, 1, 2]},
            {"name": "score", "datatype": "FP32", "shape": [1, 3], "data": [1 / 2, 1 / 3, 1 / 4]},
        ],
    }  # fmt: skip


def test_several_images_keep_their_order_in_any_form(api: ApiProcess, worker: PlayedWorker) -> None:
    def by_size(item: StartedItem) -> ItemResult:
        size = len((api.uploads / str(item.upload_key)).read_bytes())
        result = succeed(item)
        found = result.predictions or []
        first = found[0].model_copy(update={"label": str(size)})
        return result.model_copy(update={"predictions": [first, *found[1:]]})

    worker.answer = by_size
    photos = [PHOTO + bytes(extra) for extra in range(5)]
    texts = [base64.b64encode(photo).decode() for photo in photos]
    wanted = {"parameters": {"top_k": 2}, "outputs": [{"name": "label"}]}
    for request in (
        {"json": body(*texts, **wanted)},
        {"json": {**body(*texts, **wanted, shape=[5, 1], data=[[text] for text in texts])}},
        binary(*photos, **wanted),
    ):
        answer = api.client.post(INFER, **request)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        [output] = answer.json()["outputs"]
        assert output["shape"] == [5, 2]
        assert output["data"][::2] == [str(len(photo)) for photo in photos]


def test_outputs_may_be_binary(client: httpx.Client) -> None:
    outputs = [
        {"name": "score", "parameters": {"binary_data": True}},
        {"name": "label"},
        {"name": "class_index", "parameters": {"binary_data": True}},
    ]
    answer = client.post(INFER, json=body(IN_TEXT, outputs=outputs))
    length = int(answer.headers["inference-header-content-length"])
    described = json.loads(answer.content[:length])["outputs"]
    assert [output["name"] for output in described] == ["score", "label", "class_index"]
    assert [output.get("parameters") for output in described] == [
        {"binary_data_size": 12},
        None,
        {"binary_data_size": 12},
    ]
    assert struct.unpack("<3f3i", answer.content[length:]) == pytest.approx(
        [1 / 2, 1 / 3, 1 / 4, 0, 1, 2]
    )


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "nothing": ({"content": b""}, 400, "The JSON must be"),
    "no JSON": ({"content": PHOTO}, 400, "The JSON must be"),
    "cut off": ({"content": b'{"inputs": ['}, 400, "The JSON must be"),
    "no inputs": ({"json": {}}, 400, "inputs: Field required"),
    "two inputs": ({"json": {"inputs": body(IN_TEXT)["inputs"] * 2}}, 400, "Send one input"),
    "another name": ({"json": body(IN_TEXT, name="input")}, 400, "named 'image'"),
    "another datatype": ({"json": body(IN_TEXT, datatype="UINT8")}, 400, "the datatype BYTES"),
    "no shape": ({"json": body(IN_TEXT, shape=[])}, 400, "shape"),
    "a negative shape": ({"json": body(IN_TEXT, shape=[-1])}, 400, "shape"),
    "a shape of nothing": ({"json": body(shape=[0])}, 400, "shape"),
    "a shape of rows": ({"json": body(IN_TEXT, IN_TEXT, shape=[1, 2])}, 400, "shape"),
    "a shape that lies": ({"json": body(IN_TEXT, shape=[2])}, 400, "2 images, but the data has 1"),
    "17 images": ({"json": body(*["AAAA"] * 17)}, 413, "at most 16 images"),
    "a huge shape": ({"json": body(IN_TEXT, shape=[2**62, 1])}, 413, "at most 16 images"),
    "malformed base64": ({"json": body("*")}, 400, "not valid base64"),
    "an address": ({"json": body("http://example.org/a.jpg")}, 400, "not fetched"),
    "numbers": ({"json": body(data=[1, 2], shape=[2])}, 400, "inputs.0.data.0"),
    "a GIF": ({"json": body(IN_TEXT, "R0lGODlh")}, 415, "Image 2 of 2: The content is a GIF image"),
    "an empty image": ({"json": body("")}, 422, "Image 1 of 1: The file is empty"),
    "no data": ({"json": body(IN_TEXT, data=None)}, 400, "either 'data'"),
    "an unknown field": ({"json": {**body(IN_TEXT), "x": 1}}, 400, "x: Extra inputs"),
    "an unknown parameter": (
        {"json": body(IN_TEXT, parameters={"timeout": 5})}, 422, "parameters.timeout: Extra",
    ),
    "top_k 0": ({"json": body(IN_TEXT, parameters={"top_k": 0})}, 422, "parameters.top_k"),
    "an unknown output": (
        {"json": body(IN_TEXT, outputs=[{"name": "x"}])}, 400, "label, class_index, score",
    ),
    "an output's parameter": (
        {"json": body(IN_TEXT, outputs=[{"name": "label", "parameters": {"classification": 3}}])},
        422, "outputs.0.parameters.classification",
    ),
    "many values": ({"json": body(IN_TEXT, shape=[1] * 1_001)}, 400, "too many values"),
    "a query": ({"json": body(IN_TEXT), "params": {"top_k": 1}}, 422, "top_k"),
    "too many bytes": ({"json": body(base64.b64encode(PHOTO + bytes(200_000)).decode())},
        413, "together have at most 200000 bytes"),
    "too many bytes together": (binary(*[PHOTO + bytes(50_000)] * 4), 413, "together"),
    "a body beyond any base64": ({"content": b"{" + b" " * 400_000}, 413, "together"),
    "binary data that is longer": (binary(PHOTO, size=-1), 400, "'binary_data_size' is"),
    "binary data that is shorter": (binary(PHOTO, size=1), 400, "'binary_data_size' is"),
    "a JSON length that lies": (binary(PHOTO, length=-1), 400, "The JSON must be"),
    "a JSON length beyond the body": (binary(PHOTO, length=10**6), 400, "bytes of JSON at the"),
    "a JSON length in words": (
        {"json": body(IN_TEXT), "headers": {"inference-header-content-length": "all"}},
        400, "bytes of JSON at the",
    ),
    "an element that lies": (
        {**binary(PHOTO), "content": binary(PHOTO)["content"].replace(
            struct.pack("<I", len(PHOTO)) + PHOTO[:3], struct.pack("<I", 2**32 - 1) + PHOTO[:3])},
        400, "Element 1 of 'image' should have 4294967295 bytes",
    ),
    "compressed": (
        {"content": b"{}", "headers": {"content-encoding": "gzip"}}, 415, "compressed (gzip)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("request_", "status", "text"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_its_reason(
    api: ApiProcess, request_: dict[str, Any], status: int, text: str
) -> None:
    before = api.stored()  # the played worker deletes nothing
    answer = api.client.post(INFER, **request_)
    assert answer.status_code == status, answer.text
    assert slug(answer)
    assert text in answer.json()["error"]
    assert api.stored() == before


@pytest.mark.parametrize("method_path", ["POST infer", "GET ready", "GET "])
def test_a_model_that_is_not_served_is_named(client: httpx.Client, method_path: str) -> None:
    method, _, path = method_path.partition(" ")
    answer = client.request(method, f"/v2/models/resnet18/{path}".rstrip("/"))
    assert answer.status_code == 404
    assert slug(answer) == "model_not_found"
    assert answer.json()["error"] == "No model 'resnet18': this service serves 'played'."


def test_an_image_that_fails_fails_the_request(client: httpx.Client, worker: PlayedWorker) -> None:
    worker.answer = lambda item: (
        ItemResult(error=Problem.of(InvalidImage("It is damaged.")))
        if str(item.upload_key).endswith(".1")
        else succeed(item)
    )
    answer = client.post(INFER, json=body(IN_TEXT, IN_TEXT, IN_TEXT))
    assert (answer.status_code, slug(answer)) == (422, "invalid_image")
    assert answer.json()["error"] == "Image 2 of 3: It is damaged."


def test_results_that_are_late_are_an_error_and_the_images_are_cancelled(
    api: ApiProcess, worker: PlayedWorker
) -> None:
    worker.listen_to("no such queue")
    before = api.stored()
    answer = api.client.post(INFER, json=body(IN_TEXT, IN_TEXT), headers={"prefer": "wait=1"})
    assert (answer.status_code, slug(answer)) == (504, "result_timeout")
    eventually(lambda: api.stored() == before, 15)


def test_a_small_batch_waits_for_its_last_image(api: ApiProcess, worker: PlayedWorker) -> None:
    worker.answer = lambda item: None if str(item.upload_key).endswith(".1") else succeed(item)
    headers = {"prefer": "wait=1"}
    answer = api.client.post(INFER, json=body(IN_TEXT, IN_TEXT), headers=headers)
    assert (answer.status_code, slug(answer)) == (504, "result_timeout")


def test_a_service_without_workers_is_alive_and_not_ready(
    api: ApiProcess, worker: PlayedWorker
) -> None:
    client = api.client
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/played/ready").json() == {"name": "played", "ready": True}
    worker.report = worker.report.model_copy(update={"status": WorkerState.STARTING})
    try:
        eventually(lambda: client.get("/v2/health/ready").status_code == 503, 10)
        assert client.get("/v2/health/ready").json() == {"ready": False}
        assert client.get("/v2/health/live").json() == {"live": True}
        assert client.get("/v2/models/played/ready").status_code == 503
        answer = client.post(INFER, json=body(IN_TEXT))
        assert (answer.status_code, slug(answer)) == (503, "no_workers")
    finally:
        worker.report = worker.report.model_copy(update={"status": WorkerState.IDLE})
        wait_for_status(client, 200)
