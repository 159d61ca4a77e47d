"""kombu's Redis transport, which discards malformed messages and prefers waiting requests.

Small subclasses, each with a test that fails without it:

* :class:`TolerantChannel` and :class:`TolerantTransport`: one malformed message in a queue
  (``LPUSH interactive 'not json'``) ends the worker. Can go when
  ``test_malformed_messages_are_discarded`` passes without them.
* :class:`LocalQoS`: kombu keeps a second copy of every message under way in Redis, two round trips
  each, for the visibility timeout. The job record knows what is under way, and the reconciler
  brings it back sooner.
* :class:`PreferInteractive`: consume both queues about 4 : 1; kombu knows 1 : 1 or strict priority,
  of which one lets a batch slow ``/predict`` down and the other starves batches.
"""

import base64
import json
from contextlib import suppress
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.transport import redis as kombu_redis
from kombu.utils.scheduling import priority_cycle
from redis.exceptions import RedisError

from shared import log, redis_keys
from shared.queue.celery_app import TASK_CLASSIFY
from shared.queue.names import QueueName

_log = log.get(__name__)

# Four waiting requests for one photo of a batch: /predict stays quick, a batch never starves.
INTERACTIVE_SHARE = 4


class LocalQoS(kombu_redis.QoS):
    """Remembers only in this process which messages are under way."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """A message is under way."""
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """It has ended."""
        virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """It will not be run here."""
        if requeue:
            self.restore_by_tag(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:
        """Put it back where it was taken, as when the worker stops before it was run.

        Never behind all that wait: the reconciler knows a lost message by what was started before
        it, and would read the whole queue once a second to find this one.
        """
        if tag in self._dirty or tag not in self._delivered:
            return  # acknowledged
        message = self._delivered[tag]
        place = message.delivery_info
        with self.channel.conn_or_acquire(client) as connection:
            self.channel._do_restore_message(  # noqa: SLF001 - as kombu's own does
                message._raw,  # noqa: SLF001 - as above
                place["exchange"],
                place["routing_key"],
                connection,
                leftmost,
            )

    def restore_visible(self, *_: Any, **__: Any) -> None:
        """Nothing of this worker's lies in Redis to be restored."""


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
        # Redis itself counts, so that nothing is forgotten when a worker ends; a full one may not.
        with suppress(RedisError), self.conn_or_acquire() as client:
            client.incr(redis_keys.DISCARDED)


class TolerantTransport(kombu_redis.Transport):
    """The Redis transport with the parts above."""

    Channel = TolerantChannel
    delivering = False

    def _deliver(self, message: Any, queue: str) -> None:
        if queue in set(QueueName) and not is_ours(message):
            raise ValueError("not a message of this service")
        self.delivering = True
        super()._deliver(message, queue)


class FairScheduler:
    """Order of the queues when both hold something, here and in the micro-batcher.

    Interactive first, a batch's turn after every ``INTERACTIVE_SHARE`` in a row.
    """

    def __init__(self) -> None:
        self._in_a_row = 0

    @property
    def first(self) -> QueueName:
        """The queue to take from when both have something."""
        return QueueName.INTERACTIVE if self._in_a_row < INTERACTIVE_SHARE else QueueName.BATCH

    def took(self, queue: QueueName) -> None:
        """Count one item taken from a queue."""
        self._in_a_row = self._in_a_row + 1 if queue is QueueName.INTERACTIVE else 0


class PreferInteractive(priority_cycle):
    """Names the queues to BRPOP in the order in which their messages are wanted."""

    def __init__(self, it: Any = None) -> None:
        super().__init__(it)
        self._preference = FairScheduler()

    def consume(self, n: int) -> list[str]:
        """The queues, first the one whose turn it is when both hold messages."""
        first = self._preference.first.value
        return sorted(self.items[:n], key=lambda queue: queue != first)

    def rotate(self, last_used: str) -> None:
        """Count what was taken, so that every fifth turn is a batch's."""
        if last_used in set(QueueName):
            self._preference.took(QueueName(last_used))


def install() -> None:
    """Make every ``redis://`` connection of this process use this transport."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "worker.queue.transport:TolerantTransport"


# What reading a malformed message may raise.
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


def is_ours(message: Any) -> bool:
    """Whether the raw message, as parsed from JSON, is a ``classify`` of this service."""
    try:
        headers, properties = message["headers"], message["properties"]
        info = properties["delivery_info"]
        args, kwargs, embed = json.loads(base64.b64decode(message["body"], validate=True))
        job_id, index, attempt, alone = args
        return (
            headers["task"] == TASK_CLASSIFY
            and isinstance(headers["id"], str)
            and not any(headers.get(key) for key in ("eta", "expires", "group", "retries"))
            and headers.get("timelimit", [None, None]) == [None, None]
            and isinstance(job_id, str)
            and all(type(number) is int for number in (index, attempt))  # a bool does not count
            and isinstance(alone, bool)
            and kwargs == {}
            # callbacks and chains would be sent on, and what is no object ends the task's thread
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
