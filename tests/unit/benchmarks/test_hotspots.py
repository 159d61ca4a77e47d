from collections import Counter

import pytest

from benchmarks.hotspots import NATIVE, OTHER, counted, part, shares

OUTER = (
    "run (threading.py:975);trace (celery/app/trace.py:400);run (worker/processing/pipeline.py:70)"
)


@pytest.mark.parametrize(
    ("inner", "name"),
    [
        ("preprocess (worker/imaging/preprocess.py:60);load (PIL/ImageFile.py:1)", "preprocessing"),
        ("finish (shared/records/items.py:9);send (redis/connection.py:5)", "record and result"),
        ("get (shared/uploads/__init__.py:3)", "store"),
        ("ack (kombu/transport/redis.py:5);send (redis/connection.py:5)", "queue"),
        ("", "queue"),
    ],
)
def test_the_innermost_frame_that_is_known_says_what_the_time_was_for(
    inner: str, name: str
) -> None:
    assert part(f"{OUTER};{inner}") == name


def test_samples_are_counted_by_part() -> None:
    lines = ["main (uvicorn/main.py:1) 3", f"{OUTER} 2", "main (x.py:1) 1", "a (api/x.py:2) 4"]
    assert counted(lines) == {"HTTP": 7, "queue": 2, OTHER: 1}


@pytest.mark.parametrize(
    "inner",
    [
        "result (concurrent/futures/_base.py:451);Condition.wait (threading.py:327)",
        "Event.wait (threading.py:629)",
        "_worker (concurrent/futures/thread.py:81)",
        "_epoll.poll (kombu/utils/eventio.py:83)",
        "_HiredisParser.read_from_socket (redis/_parsers/hiredis.py:192)",
        "Runner.run (asyncio/runners.py:118)",
    ],
)
def test_waiting_threads_are_not_counted(inner: str) -> None:
    assert counted([f"{OUTER};{inner} 5", f"{OUTER} 1"]) == {"queue": 1}


def test_time_outside_python_is_native_code() -> None:
    assert shares(Counter(queue=100, HTTP=50), 2.0) == {"queue": 1.0, "HTTP": 0.5, NATIVE: 0.5}


def test_the_parts_never_exceed_the_processor_time() -> None:
    assert shares(Counter(queue=300, HTTP=100), 1.0) == {"queue": 0.75, "HTTP": 0.25}
