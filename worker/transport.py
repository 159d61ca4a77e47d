"""kombu's Redis transport, taught to discard what is no message and to prefer who waits.

Small subclasses, each with a test that fails without it:

* :class:`SurvivingChannel` and :class:`SurvivingTransport`: one malformed message in a queue
  (``LPUSH interactive 'not json'``) ends the worker. Can go when
  ``test_malformed_messages_are_discarded`` passes without them.
* :meth:`SurvivingChannel._put`: what a dead worker held goes before all that wait, or it would
  wait again behind the whole backlog. Celery has no word for that.
* :class:`LocalQoS`: kombu keeps a second copy of every message under way in Redis, two round trips
  each, for the visibility timeout. The job record knows what is under way, and the reconciler
  brings it back sooner.
* :class:`PreferInteractive`: consume both queues about 4 : 1; kombu knows 1 : 1 or strict priority,
  of which one lets a batch slow ``/predict`` down and the other starves batches.

Depends on kombu and `shared.queue` alone.
"""

from contextlib import suppress
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.transport import redis as kombu_redis
from kombu.utils.json import dumps
from kombu.utils.scheduling import priority_cycle
from redis.exceptions import RedisError

from shared import log
from shared.queue import FIRST
from shared.queue_names import DISCARDED, QueueName
from worker.envelope import UNREADABLE, is_ours
from worker.preference import Preference

_log = log.get(__name__)


class LocalQoS(kombu_redis.QoS):
    """Remembers in this process alone which messages are under way."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """A message is under way."""
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """It has ended."""
        virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """It will not be run here."""
        if requeue:
            self.restore_by_tag(delivery_tag, leftmost=True)
        virtual.QoS.ack(self, delivery_tag)

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:
        """Put it back, as when the worker stops before it was run."""
        if tag in self._dirty or tag not in self._delivered:
            return  # acknowledged
        message = self._delivered[tag]
        place = message.delivery_info
        with self.channel.conn_or_acquire(client) as connection:
            self.channel._do_restore_message(  # noqa: SLF001 - as kombu's own does
                message._raw,  # noqa: SLF001 - likewise
                place["exchange"],
                place["routing_key"],
                connection,
                leftmost,
            )

    def restore_visible(self, *_: Any, **__: Any) -> None:
        """Nothing of this worker's lies in Redis to be restored."""


class SurvivingChannel(kombu_redis.Channel):
    """A channel that discards what is no message instead of ending the worker."""

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
            client.incr(DISCARDED)

    def _put(self, queue: str, message: Any, **options: Any) -> None:
        if not message["headers"].get(FIRST):
            super()._put(queue, message, **options)
            return
        with self.conn_or_acquire() as client:
            client.rpush(queue, dumps(message))  # the end that BRPOP takes from


class SurvivingTransport(kombu_redis.Transport):
    """The Redis transport with the parts above."""

    Channel = SurvivingChannel
    delivering = False

    def _deliver(self, message: Any, queue: str) -> None:
        if queue in set(QueueName) and not is_ours(message):
            raise ValueError("not a message of this service")
        self.delivering = True
        super()._deliver(message, queue)


class PreferInteractive(priority_cycle):
    """Names the queues to BRPOP in the order in which their messages are wanted."""

    def __init__(self, it: Any = None) -> None:
        super().__init__(it)
        self._preference = Preference()

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
        TRANSPORT_ALIASES[scheme] = "worker.transport:SurvivingTransport"
