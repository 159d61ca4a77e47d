"""The real entry of ``make serve`` with a real model: the weights of the environment, or auto."""

import socket
from collections.abc import Iterator

import numpy as np
import pytest

from tests.support.photos import CATS, free_port
from tests.support.served import Served, eventually, refused

RECOVERS_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    service = Served(free_port())
    try:
        yield service.ready()
    finally:
        service.end_if_running()


@pytest.fixture
def works_again(served: Served) -> Iterator[Served]:
    """The service, which the test may break and must find mended."""
    yield served
    eventually(lambda: served.health().status_code == 200, RECOVERS_WITHIN_S, served.screen)


def assert_cat(served: Served) -> None:
    answer = served.predict()
    assert answer.status_code == 200, answer.text
    predictions = answer.json()["predictions"]
    assert len(predictions) == 3
    assert predictions[0]["class_index"] in CATS


def test_the_ready_line_is_the_last_and_has_a_curl_that_can_be_pasted(served: Served) -> None:
    ready = next(line for line in served.lines if "ready: open" in line)
    assert f"open {served.url}/" in ready
    assert ready.endswith(f"curl -F file=@docs/images/cat.jpg {served.url}/predict")
    assert len(served.lines) < 50


def test_a_photo_of_a_cat_is_a_cat(served: Served) -> None:
    assert_cat(served)


def test_a_cat_is_seen_in_some_places_more_than_in_most(served: Served) -> None:
    answer = served.predict(explain="true")
    assert answer.status_code == 200, answer.text
    heat = np.array(answer.json()["predictions"][0]["heatmap"])
    assert heat.shape == (7, 7)
    # Where a cat is seen depends on the weights: some places speak for it more than most do.
    assert heat.max() > 2 * max(0.0, float(np.median(heat)))
    assert "heatmap" not in served.predict().json()["predictions"][0]


def test_health_is_ok(served: Served) -> None:
    answer = served.health()
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert len(answer.json()["workers"]) == 1


def test_a_frozen_worker_is_noticed_and_works_again_later(works_again: Served) -> None:
    worker = works_again.child("worker.main")
    worker.suspend()
    try:
        eventually(lambda: works_again.health().status_code == 503, 15, works_again.screen)
        answer = works_again.predict()
        assert answer.status_code == 503
        assert answer.json()["type"].endswith("no_workers")
        assert int(answer.headers["Retry-After"]) > 0
    finally:
        worker.resume()
    eventually(lambda: works_again.health().status_code == 200, 30, works_again.screen)
    assert works_again.child("worker.main").pid == worker.pid
    assert_cat(works_again)


def test_a_killed_worker_is_started_again(works_again: Served) -> None:
    before = works_again.child("worker.main")
    before.kill()
    eventually(lambda: before.pid != works_again.child("worker.main").pid, 10)
    eventually(
        lambda: works_again.screen().count("model ready") == 2,
        RECOVERS_WITHIN_S,
        works_again.screen,
    )
    # the dead worker's last heartbeat is older than this by now
    eventually(lambda: works_again.youngest_heartbeat_s() < 2.5, 10, works_again.screen)
    assert_cat(works_again)


def test_a_killed_redis_is_started_again(works_again: Served) -> None:
    before = works_again.child("redis.sock")
    before.kill()
    eventually(lambda: before.pid != works_again.child("redis.sock").pid, 10)
    eventually(lambda: works_again.predict().status_code == 200, 20, works_again.screen)
    assert_cat(works_again)


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        run = refused({"PORT": str(port)})
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert f"port {port} on 127.0.0.1 is taken" in run.stderr


def test_a_missing_model_is_one_clear_line() -> None:
    nowhere = {
        "MODEL": "resnet50",
        "MODEL_WEIGHTS": "/nowhere/my.pth",
        "MODEL_RECIPE": "IMAGENET1K_V1",
    }
    run = refused({"PORT": str(free_port()), **nowhere})
    assert run.returncode != 0
    assert "/nowhere/my.pth" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [
        ("PORT", "eighty", "valid integer"),
        ("PHOTO_FORMATS", "heic", "must contain jpeg and png: set it to jpeg,png,heic"),
        ("MAX_PIXELS", "0", "greater than or equal to 1"),
        ("MAX_UPLOAD_BYTES", "0", "greater than or equal to 1"),
        ("API_KEYS", "tea:s3cret", "NAME:SHA256"),
    ],
    ids=["serve", "api and worker", "worker", "api", "a secret"],
)
def test_a_wrong_setting_is_one_clear_line(setting: str, value: str, why: str) -> None:
    run = refused({"PORT": str(free_port()), setting: value})
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith(f"serve: {setting}: ")
    assert why in run.stderr
    assert "s3cret" not in run.stderr
    assert run.stderr.count("\n") == 1


def test_two_run_side_by_side_and_the_end_leaves_nothing_behind(served: Served) -> None:
    second = Served(free_port())
    try:
        second.ready()
        assert_cat(second)
        theirs, ours = (
            {one["name"] for one in s.health().json()["workers"]} for s in (second, served)
        )
        assert theirs.isdisjoint(ours)
        assert second.end() == []
        assert second.process.returncode == 0
    finally:
        second.end_if_running()
    assert_cat(served)
