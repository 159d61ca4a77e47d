"""What is let through to Celery is what the sender makes, to the letter."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import fakeredis
import pytest
import redis

from shared.messages import ItemRef
from shared.queue.celery_app import make_celery
from shared.queue.message_template import publish
from shared.queue.names import QueueName
from worker.queue.transport import is_ours


@pytest.fixture
def sent() -> Iterator[list[dict[str, Any]]]:
    server = fakeredis.TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    port = server.server_address[1]
    app = make_celery(f"redis://127.0.0.1:{port}/0")
    for queue in QueueName:
        with app.producer_or_acquire() as producer:
            publish(app, producer, queue, ItemRef("a" * 32, 7, 1))
    with redis.Redis(port=port) as client:
        messages = [json.loads(client.lindex(queue.value, 0)) for queue in QueueName]
    app.close()
    yield messages
    server.shutdown()
    server.server_close()


def test_messages_of_the_sender_are_accepted(sent: list[dict[str, Any]]) -> None:
    assert [is_ours(message) for message in sent] == [True, True]
