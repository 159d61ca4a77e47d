"""A message as Celery would send it, for the script that records and sends in one step.

Celery's and kombu's own functions write it, down to the last byte that ``shared.queue.send`` would
have put on the queue. Depends on both, and connects to nothing.
"""

from typing import Any

from celery import Celery
from kombu import Connection
from kombu.transport import memory
from kombu.utils.json import dumps

from shared.items import ItemRef
from shared.queue import publish
from shared.queue_names import QueueName


class _Channel(memory.Channel):
    drafted = ""

    def _put(self, queue: str, message: Any, **_: Any) -> None:  # noqa: ARG002 - kombu names it
        self.drafted = dumps(message)


class _Transport(memory.Transport):
    Channel = _Channel


class Drafter:
    """Writes messages; for one thread, such as an event loop's.

    Args:
        app: As `shared.queue.make_celery` makes it.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._channel = Connection(transport=_Transport).channel()
        self._producer = app.amqp.Producer(self._channel)

    def draft(self, queue: QueueName, ref: ItemRef) -> str:
        """What ``LPUSH`` onto the queue of that name sends."""
        publish(self._app, self._producer, queue, ref, alone=False)
        return str(self._channel.drafted)
