"""kombu's Redis transport, which discards malformed messages and keeps no copies of messages.

Each subclass has a test that fails without it:

* :class:`TolerantChannel` and :class:`TolerantTransport`: one malformed message in a queue
  (``LPUSH interactive 'not json'``) would end the worker. They can be removed when
  ``test_malformed_messages_are_discarded`` passes without them.
* :class:`LocalQoS`: for its visibility timeout, kombu keeps a second copy of every unacknowledged
  message in Redis, with two round trips each. This service does not need the copy: the job record
  has the items in progress, and the reconciler recovers them sooner.
"""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.transport import redis as kombu_redis
from redis.exceptions import RedisError

from shared import log, redis_keys
from shared.messages import CHUNK_MAX
from shared.queue.celery_app import TASK_CLASSIFY, TASK_CLASSIFY_CHUNK
from shared.queue.names import QueueName

_log = log.get(__name__)


class LocalQoS(kombu_redis.QoS):
    """Keeps unacknowledged messages in this process only."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """Add a received message."""
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Remove a finished message."""
        virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Remove a message that this worker does not run, and requeue it if asked."""
        if requeue:
            self.restore_by_tag(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def restore_unacked(self, client: Any = None) -> None:
        """Put all messages back, for example when the worker stops.

        kombu also calls this after a lost connection, and again once its transport is gone; then it
        must not end the worker: what runs here goes on, and the reconciler sends the rest again.
        """
        try:
            super().restore_unacked(client)
        except (RedisError, OSError, AttributeError) as error:
            _log.warning("messages left to the reconciler", reason=type(error).__name__)
            self._delivered.clear()

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:
        """Put a message back to the front of its queue, for example when the worker stops.

        Never at the end: the reconciler detects a lost message by later messages that were started,
        and would read the whole queue once a second to find this message.
        """
        if tag in self._dirty or tag not in self._delivered:
            return  # acknowledged
        message = self._delivered[tag]
        place = message.delivery_info
        with self.channel.conn_or_acquire(client) as connection:
            self.channel._do_restore_message(  # noqa: SLF001 - as in kombu's QoS
                message._raw,  # noqa: SLF001 - as above
                place["exchange"],
                place["routing_key"],
                connection,
                leftmost,
            )

    def restore_visible(self, *_: Any, **__: Any) -> None:
        """Do nothing: this worker keeps no copies of messages in Redis."""


class TolerantChannel(kombu_redis.Channel):
    """A channel that discards a malformed message instead of ending the worker."""

    QoS = LocalQoS

    def _brpop_read(self, **options: Any) -> Any:
        self.connection.delivering = False
        try:
            return super()._brpop_read(**options)
        except UNREADABLE as error:
            if self.connection.delivering:
                raise
            _log.error("malformed message discarded", reason=type(error).__name__)
            self._count_discarded()
            raise Empty from error

    def _count_discarded(self) -> None:
        # Counted in Redis, so that the count survives the worker; a full Redis may refuse it.
        with suppress(RedisError), self.conn_or_acquire() as client:
            client.incr(redis_keys.DISCARDED)


class TolerantTransport(kombu_redis.Transport):
    """The Redis transport with the classes above."""

    Channel = TolerantChannel
    delivering = False

    def _deliver(self, message: Any, queue: str) -> None:
        if queue in set(QueueName) and not is_ours(message):
            raise ValueError("not a message of this service")
        self.delivering = True
        super()._deliver(message, queue)


def install() -> None:
    """Make every ``redis://`` connection of this process use this transport."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "worker.queue.transport:TolerantTransport"


# Exceptions that reading a malformed message may raise.
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


def is_ours(message: Any) -> bool:
    """Whether the raw message, as parsed from JSON, is a task of this service."""
    try:
        headers, properties = message["headers"], message["properties"]
        info = properties["delivery_info"]
        args, kwargs, embed = json.loads(base64.b64decode(message["body"], validate=True))
        return (
            _ARGUMENTS[headers["task"]](*args)
            and isinstance(headers["id"], str)
            and not any(headers.get(key) for key in ("eta", "expires", "group", "retries"))
            and headers.get("timelimit", [None, None]) == [None, None]
            and kwargs == {}
            # Celery would run callbacks and chains, and a value of another type ends the thread
            and not any(embed.values())
            and isinstance(properties["delivery_tag"], str)
            and properties["body_encoding"] == "base64"
            and info["exchange"] == ""
            and info["routing_key"] in set(QueueName)
            and (message["content-type"], message["content-encoding"]) == _FORM
        )
    except UNREADABLE:
        return False


_FORM = ("application/json", "utf-8")


def _are_one_item(job_id: object, index: object, attempt: object, alone: object) -> bool:
    return isinstance(job_id, str) and _are_counts(index, attempt) and isinstance(alone, bool)


def _are_chunk(job_id: object, first: object, count: object) -> bool:
    return isinstance(job_id, str) and _are_counts(first, count) and count in _COUNTS


def _are_counts(*values: object) -> bool:
    # a bool does not count as an integer
    return all(type(value) is int and value >= 0 for value in values)


_COUNTS = range(1, CHUNK_MAX + 1)
_ARGUMENTS: dict[str, Callable[..., bool]] = {
    TASK_CLASSIFY: _are_one_item,
    TASK_CLASSIFY_CHUNK: _are_chunk,
}
