"""A message that is recorded and sent in one step is the one that Celery would have sent."""

import json
from typing import Any

from redis import Redis

from shared.messages import ItemRef
from shared.queue.celery_app import make_celery
from shared.queue.message_template import MessageTemplate, publish
from shared.queue.names import QueueName
from tests.support.redis_server import RedisServer
from worker.queue.transport import is_ours

REF = ItemRef("0123456789abcdef" * 2, 0, 1)


def unique(message: dict[str, Any]) -> dict[str, Any]:
    """Without the message's own tag, and the address of an app that wants no reply."""
    del message["properties"]["delivery_tag"], message["properties"]["reply_to"]
    return message


def test_a_draft_is_what_celery_puts_on_the_queue(redis_server: RedisServer) -> None:
    app = make_celery(redis_server.url)
    template = MessageTemplate()
    for queue in QueueName:
        first, second = (json.loads(template.draft(queue, REF)) for _ in range(2))
        with app.producer_or_acquire() as producer:
            publish(app, producer, queue, REF)
        with Redis.from_url(redis_server.url) as client:
            [sent] = client.lrange(queue.value, 0, -1)
        assert is_ours(first)
        tags = {message["properties"]["delivery_tag"] for message in (first, second)}
        assert len(tags) == 2
        assert unique(first) == unique(second) == unique(json.loads(sent))
    app.close()
