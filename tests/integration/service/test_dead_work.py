"""Photos that no client waits for any more are dropped before they are decoded."""

import socket
from contextlib import ExitStack

from shared.queue.names import QueueName
from tests.integration.worker.conftest import Bench, photo
from tests.support.api_process import ApiProcess
from tests.support.scripted_colors import KILLS
from tests.support.served import eventually

GONE = 12


def test_cancelled_work_never_reaches_the_worker(api: ApiProcess, bench: Bench) -> None:
    # One thread for each queue, with a photo that takes eight seconds: the rest waits in them.
    slow = {"SCRIPTED_SERVICE_TIME_S": "8", "MAX_BATCH_SIZE": "1", "WORKER_THREADS": "1"}
    with bench.worker(**slow) as worker, ExitStack() as connections:
        eventually(lambda: api.client.get("/health/ready").status_code == 200, 15)
        running = [bench.submit([photo(0, 1)], queue) for queue in QueueName]
        bench.until(
            lambda: [bench.client.scard(key) for key in bench.client.keys("ic:held:*")] == [2]
        )
        deadly = photo(KILLS)
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(deadly)}\r\n\r\n"
        for _ in range(GONE):
            client = socket.create_connection(("127.0.0.1", api.port))
            connections.enter_context(client)
            client.sendall(head.encode() + deadly)
        batch = api.client.post("/jobs", files=[("files", deadly)] * GONE).headers["location"]
        eventually(
            lambda: bench.client.llen("interactive") == GONE and bench.client.llen("batch"), 5
        )
        connections.close()
        assert api.client.delete(batch).json()["counts"]["cancelled"] == GONE
        for job_id in running:
            bench.wait(job_id)
        bench.until(lambda: not bench.client.llen("interactive") and not bench.client.llen("batch"))
        assert worker.process.poll() is None
    assert sum(map(int, bench.client.hvals("ic:ended"))) == 2
    assert bench.stored() == []
