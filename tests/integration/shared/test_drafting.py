"""A message that is recorded and sent in one step is the one that Celery would have sent."""

import json
from typing import Any

from redis import Redis

from shared.drafting import Drafter
from shared.items import ItemRef
from shared.queue import make_celery, send
from shared.queue_names import QueueName
from tests.support.redis_server import RedisServer
from worker.envelope import is_ours

REF = ItemRef("0" * 32, 0, 1)


def unique(message: dict[str, Any]) -> dict[str, Any]:
    """Without what differs between two messages of one sender."""
    del message["properties"]["delivery_tag"]
    return message


def test_a_draft_is_what_celery_puts_on_the_queue(redis_server: RedisServer) -> None:
    app = make_celery(redis_server.url)
    draft = json.loads(Drafter(app).draft(QueueName.INTERACTIVE, REF))
    send(app, QueueName.INTERACTIVE, [REF])
    with Redis.from_url(redis_server.url) as client:
        [sent] = client.lrange("interactive", 0, -1)
    app.close()
    assert is_ours(draft)
    assert unique(draft) == unique(json.loads(sent))
