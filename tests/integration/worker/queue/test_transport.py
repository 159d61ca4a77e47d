"""What ends a Celery worker on Redis, unless worker.queue.transport and worker.main see to it."""

import base64
import json
import time

import pytest

from shared.messages import CHUNK_MAX, Chunk, ItemRef
from shared.queue.names import QueueName
from shared.redis_keys import DISCARDED
from tests.integration.worker.conftest import Bench, ends, photo
from tests.support.redis_server import RedisServer

ENVELOPE = {
    "body": "W10=",
    "content-encoding": "utf-8",
    "content-type": "application/json",
    "headers": {},
    "properties": {
        "delivery_tag": "t",
        "body_encoding": "base64",
        "delivery_info": {"exchange": "", "routing_key": "batch"},
    },
}

OURS = {"id": "x", "task": "classify"}
CHUNK = {"id": "x", "task": "classify_chunk"}


def body(content: object) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


GOOD = body([["unknown job", 0, 1, False], {}, {}])

MALFORMED = {
    "no json": "not json",
    "no utf-8": b"\xff\xfe\x00",
    "a number": "42",
    "a list": "[]",
    "an empty object": "{}",
    "no headers": json.dumps({**ENVELOPE, "headers": None}),
    "no delivery tag": json.dumps({**ENVELOPE, "properties": {}}),
    "unknown encoding": json.dumps(
        {**ENVELOPE, "properties": {**ENVELOPE["properties"], "body_encoding": "rot13"}}
    ),
    "no task": json.dumps(ENVELOPE),
    "unknown task": json.dumps({**ENVELOPE, "headers": {"id": "x", "task": "x"}}),
    "no arguments": json.dumps({**ENVELOPE, "headers": {"id": "x", "task": "classify"}}),
    "a broken body": json.dumps({**ENVELOPE, "body": "%", "headers": OURS}),
    "arguments of other types": json.dumps(
        {**ENVELOPE, "body": body([["job", "0", None, 1], {}, {}]), "headers": OURS}
    ),
    "no object of callbacks": json.dumps(
        {**ENVELOPE, "body": body([["job", 0, 1, False], {}, 5]), "headers": OURS}
    ),
    "a chain": json.dumps(
        {**ENVELOPE, "body": body([["job", 0, 1, False], {}, {"chain": [1]}]), "headers": OURS}
    ),
    "a far time": json.dumps({**ENVELOPE, "body": GOOD, "headers": {**OURS, "eta": "soon"}}),
    "a chunk of more than there may be": json.dumps(
        {**ENVELOPE, "body": body([["job", 0, CHUNK_MAX + 1], {}, {}]), "headers": CHUNK}
    ),
    "a chunk of nothing": json.dumps(
        {**ENVELOPE, "body": body([["job", 0, 0], {}, {}]), "headers": CHUNK}
    ),
    "a chunk of a number with a point": json.dumps(
        {**ENVELOPE, "body": body([["job", 0, 2.0], {}, {}]), "headers": CHUNK}
    ),
    "one photo as a chunk": json.dumps({**ENVELOPE, "body": GOOD, "headers": CHUNK}),
    "an odd id": json.dumps({**ENVELOPE, "body": GOOD, "headers": {**OURS, "id": [1]}}),
    "an unknown charset": json.dumps(
        {**ENVELOPE, "body": GOOD, "headers": OURS, "content-encoding": "klingon"}
    ),
    "pickle": json.dumps({**ENVELOPE, "content-type": "application/x-python-serialize"}),
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("queue", ["interactive", "batch"])
def test_malformed_messages_are_discarded(bench: Bench, queue: str) -> None:
    with bench.worker() as worker:
        for message in MALFORMED.values():
            bench.client.lpush(queue, message)
        job = bench.wait(bench.submit([photo(0, 9)]))
        bench.until(lambda: bench.client.llen(queue) == 0)
        assert worker.process.poll() is None
    assert ends(job) == ["9"]
    assert bench.client.hlen("unacked") == 0
    assert int(bench.client.get(DISCARDED)) == len(MALFORMED)


@pytest.mark.parametrize("index", [-1, 2**53, 2**60, 10**30, 10**400])
def test_an_absurd_index_holds_redis_up_for_nobody(bench: Bench, index: int) -> None:
    job_id = bench.record([photo(0, 1)] * 2)
    with bench.worker(WORKER_THREADS="1") as worker:
        for queue in QueueName:
            for delivery in (ItemRef(job_id, index, 1), Chunk(job_id, index, 2)):
                bench.client.lpush(queue.value, bench.messages.draft(queue, delivery))
        for queue in QueueName:
            assert ends(bench.wait(bench.submit([photo(0, 9)], queue))) == ["9"]
        # the worker sends what no api has sent
        assert ends(bench.wait(job_id)) == ["1", "1"]
        assert worker.process.poll() is None
    assert bench.attempts(job_id) == [1, 1]


def test_worker_survives_redis_restart(bench: Bench, redis_server: RedisServer) -> None:
    # Free threads and work in flight: the consumer is listening when its connection goes.
    with bench.worker(SCRIPTED_SERVICE_TIME_S="2", WORKER_THREADS="4") as worker:
        job_id = bench.submit([photo(0, 1), photo(0, 2)])
        bench.until(lambda: bench.client.keys("ic:held:*"))
        redis_server.kill()
        # Long enough for kombu to close its channel a second time, which is what ends a worker.
        time.sleep(3)
        redis_server.start()
        job = bench.wait(job_id)
        assert ends(bench.wait(bench.submit([photo(0, 3)]))) == ["3"]
        assert worker.process.poll() is None, worker.log[-3000:]
    assert ends(job) == ["1", "2"]


def test_a_busy_worker_survives_redis_restart(bench: Bench, redis_server: RedisServer) -> None:
    with bench.worker(SCRIPTED_SERVICE_TIME_S="0.1", MAX_BATCH_SIZE="2") as worker:
        job_id = bench.submit([photo(0, green) for green in range(60)])
        bench.until(lambda: bench.client.keys("ic:held:*"))
        redis_server.kill()
        redis_server.start()
        job = bench.wait(job_id)
        assert worker.process.poll() is None, worker.log[-3000:]
    assert ends(job) == [str(green) for green in range(60)]


def test_worker_survives_cut_connections(bench: Bench) -> None:
    with bench.worker(SCRIPTED_SERVICE_TIME_S="0.05", MAX_BATCH_SIZE="2") as worker:
        job_id = bench.submit([photo(0, green) for green in range(100)])
        for _ in range(5):
            bench.until(lambda: bench.client.keys("ic:held:*"))
            bench.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        job = bench.wait(job_id)
        assert worker.process.poll() is None, worker.log[-3000:]
    assert ends(job) == [str(green) for green in range(100)]


def test_a_photo_costs_its_worker_three_round_trips(bench: Bench) -> None:
    with bench.worker(), bench.client.monitor() as monitor:
        bench.wait(bench.submit([photo(0, 7)], QueueName.INTERACTIVE))  # loads the scripts
        job_id = bench.submit([photo(0, 7)], QueueName.INTERACTIVE)
        bench.wait(job_id)
        bench.client.echo("the end")
        seen: list[str] = []
        while "the end" not in (command := monitor.next_command()["command"]):
            seen.append(command)
    # A BRPOP, which waits before there is a photo, and a script each to start and to finish it.
    scripts = [line for line in seen if line.startswith("EVALSHA") and f" {job_id} " in line]
    assert sum(" worker-" in line for line in scripts) == 2
    assert not [line for line in seen if "unacked" in line]


def test_a_message_that_nobody_has_started_goes_back_when_the_worker_stops(bench: Bench) -> None:
    slow = {"SCRIPTED_SERVICE_TIME_S": "0.3", "MAX_BATCH_SIZE": "1", "WORKER_THREADS": "1"}
    with bench.worker(**slow) as worker:
        job_id = bench.submit([photo(0, green) for green in range(6)])
        bench.until(lambda: bench.client.keys("ic:held:*"))
        assert worker.terminate() == 0
    started = sum(item.status.value == "succeeded" for item in bench.read(job_id).items)
    assert 1 <= started < 6
    assert bench.client.llen("batch") + started == 6
