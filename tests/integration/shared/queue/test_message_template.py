"""A message that is recorded and sent in one step is the one that Celery would have sent."""

import json
from base64 import b64decode
from typing import Any

import pytest
from redis import Redis

from shared.messages import Chunk, ItemRef
from shared.queue.celery_app import make_celery
from shared.queue.message_template import MessageTemplate, deliveries, publish
from shared.queue.names import QueueName
from tests.support.redis_server import RedisServer
from worker.queue.transport import is_ours

REF = ItemRef("0123456789abcdef" * 2, 0, 1)
CHUNK = Chunk("0123456789abcdef" * 2, 16, 8)


def unique(message: dict[str, Any]) -> dict[str, Any]:
    """With its body decoded, without its own tag and the address of an app that wants no reply."""
    message["body"] = json.loads(b64decode(message["body"]))
    del message["properties"]["delivery_tag"], message["properties"]["reply_to"]
    return message


@pytest.mark.parametrize("delivery", [REF, CHUNK])
def test_a_draft_is_what_celery_puts_on_the_queue(
    redis_server: RedisServer, delivery: ItemRef | Chunk
) -> None:
    app = make_celery(redis_server.url)
    template = MessageTemplate()
    with Redis.from_url(redis_server.url) as client:
        for queue in QueueName:
            first, second = (json.loads(template.draft(queue, delivery)) for _ in range(2))
            with app.producer_or_acquire() as producer:
                publish(app, producer, queue, delivery)
            sent = client.lpop(queue.value)
            assert is_ours(first)
            tags = {message["properties"]["delivery_tag"] for message in (first, second)}
            assert len(tags) == 2
            assert unique(first) == unique(second) == unique(json.loads(sent))
    app.close()


@pytest.mark.parametrize("delivery", [REF, CHUNK])
def test_an_id_names_the_items_of_its_message(delivery: ItemRef | Chunk) -> None:
    message = json.loads(MessageTemplate().draft(QueueName.BATCH, delivery))
    refs = delivery.refs if isinstance(delivery, Chunk) else [delivery]
    assert deliveries(message["headers"]["id"]) == refs


@pytest.mark.parametrize("task_id", ["", "job", "job.0", "job.0.1.2.3", "job.a.1", None, 5])
def test_another_id_names_no_items(task_id: object) -> None:
    assert deliveries(task_id) == []
