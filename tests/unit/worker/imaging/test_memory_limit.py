"""Settings that do not fit into the container's memory are refused at the start."""

from types import SimpleNamespace
from typing import Any

import pytest

from worker import lifecycle
from worker.imaging.memory import check_batch, check_memory
from worker.lifecycle import Service, load_model
from worker.models.weights import ModelUnavailable
from worker.monitoring.metrics import WorkerMetrics
from worker.settings import WorkerSettings

GIB = 1 << 30


@pytest.mark.parametrize(
    ("values", "limit"),
    [
        ({}, None),
        ({"worker_threads": 256, "max_pixels": 10**9}, None),
        ({"worker_threads": 256}, 2 * GIB),
        ({"worker_threads": 64}, GIB),
        # the defaults are accepted wherever a worker starts at all
        ({}, GIB // 4),
        ({"worker_threads": 12, "max_pixels": 50_000_000}, GIB // 4),
        ({"photo_formats": "jpeg,png,webp"}, 2 * GIB),
        ({"photo_formats": "jpeg,png,webp", "max_pixels": 1_000_000}, GIB // 2),
    ],
)
def test_what_fits_is_accepted(values: dict[str, Any], limit: int | None) -> None:
    check_memory(WorkerSettings(**values), limit)


@pytest.mark.parametrize(
    ("values", "limit", "line"),
    [
        (
            {"worker_threads": 256},
            GIB,
            "WORKER_THREADS=256 needs more memory than the limit of this container, 1024 MiB",
        ),
        ({"worker_threads": 118}, GIB, "set it to at most 117, or raise the limit"),
        ({"worker_threads": 13}, GIB // 2, "WORKER_THREADS=13 needs"),
        ({"max_pixels": 1_000_000_000}, 2 * GIB, "MAX_PIXELS=1000000000 needs"),
        ({"max_pixels": 60_000_000}, GIB // 2, "set it to at most 55574528"),
    ],
)
def test_what_does_not_fit_names_setting_limit_and_remedy(
    values: dict[str, int], limit: int, line: str
) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        check_memory(WorkerSettings(**values), limit)
    assert line in str(caught.value)
    most = int(str(caught.value).partition("at most ")[2].partition(",")[0])
    check_memory(WorkerSettings(**dict.fromkeys(values, most)), limit)


def test_a_webp_takes_more_memory_for_each_pixel() -> None:
    formats = "jpeg,png,webp"
    with pytest.raises(ModelUnavailable) as caught:
        check_memory(WorkerSettings(photo_formats=formats), GIB)
    assert "MAX_PIXELS=50000000 needs more memory" in str(caught.value)
    most = int(str(caught.value).partition("at most ")[2].partition(",")[0])
    assert 45_000_000 < most < 50_000_000
    check_memory(WorkerSettings(photo_formats=formats, max_pixels=most), GIB)


@pytest.mark.parametrize(
    ("size", "limit"), [(None, GIB // 4), (256, None), (256, 8 * GIB), (32, 2 * GIB), (8, GIB // 4)]
)
def test_a_batch_that_fits_is_accepted(size: int | None, limit: int | None) -> None:
    check_batch(size, limit)


def test_a_batch_that_does_not_fit_names_the_largest_that_does() -> None:
    with pytest.raises(ModelUnavailable) as caught:
        check_batch(256, 2 * GIB)
    assert "MAX_BATCH_SIZE=256 needs more memory" in str(caught.value)
    most = int(str(caught.value).partition("at most ")[2].partition(",")[0])
    check_batch(most, 2 * GIB)
    with pytest.raises(ModelUnavailable):
        check_batch(most + 1, 2 * GIB)


@pytest.fixture
def small_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "memory_limit", lambda: GIB)


@pytest.mark.usefixtures("small_container")
def test_a_worker_does_not_start_with_threads_that_do_not_fit() -> None:
    settings = WorkerSettings(worker_threads=256, redis_url="redis://127.0.0.1:1")
    with pytest.raises(ModelUnavailable, match="WORKER_THREADS=256 needs"):
        Service(settings, "worker").start()


@pytest.mark.usefixtures("small_container")
@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_a_batch_has_to_fit_only_where_the_processor_runs_the_model(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "resolve", lambda _: None)
    monkeypatch.setattr(lifecycle, "load_runtime", lambda *_: SimpleNamespace(device=device))

    def warm_up(*_: object) -> int:
        raise ModelUnavailable("warm-up")

    monkeypatch.setattr(lifecycle, "warm_up", warm_up)
    refused = "MAX_BATCH_SIZE=256 needs" if device == "cpu" else "warm-up"
    with pytest.raises(ModelUnavailable, match=refused):
        load_model(WorkerSettings(max_batch_size=256), WorkerMetrics())
