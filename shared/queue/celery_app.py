"""The Celery side of the wire: queue and task names, the app, and a send that cannot hang.

A message carries ids only. The options come from what was measured to lose messages or to hang;
``docs/decisions/0001-celery-on-redis.md`` gives each its reason.
"""

from collections.abc import Iterable
from typing import Any

from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from shared import tracing
from shared.messages import ItemRef
from shared.queue.names import QueueName
from shared.redis_client import REDIS_DOWN

TASK_CLASSIFY = "classify"
# The header of a message that goes before all that wait; only a worker's own transport honours it.
FIRST = "first"

# What a send may raise when the broker is down or unknown.
SEND_FAILED = (OperationalError, *REDIS_DOWN)

_CLIENT_TRANSPORT: dict[str, Any] = {
    # A dead or frozen broker fails a send within 0.3 s; Celery's defaults take 6 s, or for ever.
    "socket_timeout": 0.3,
    "socket_connect_timeout": 0.2,
    "max_retries": 0,
    "interval_start": 0,
}


def queues() -> list[Queue]:
    """Both queues, each with an exchange of its own name: Celery would bind them to one."""
    return [Queue(name, Exchange(name), routing_key=name) for name in map(str, QueueName)]


def make_celery(broker_url: str, **overrides: Any) -> Celery:
    """A Celery app without a result backend: results live in the job record.

    Nothing connects until the first message. A backend in the sender would subscribe for every
    task and block for 19 s when the broker is away.
    """
    app = Celery("image-classifier", set_as_current=False)
    app.conf.update(
        broker_url=broker_url,
        broker_transport_options={**_CLIENT_TRANSPORT, "priority_steps": [0]},
        broker_connection_timeout=0.3,
        broker_pool_acquire_timeout=0.3,
        task_queues=queues(),
        task_default_queue=QueueName.BATCH.value,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        event_serializer="json",
    )
    app.conf.update(overrides)
    return app


def send(app: Celery, queue: QueueName, refs: Iterable[ItemRef], *, alone: bool = False) -> int:
    """Put one message per item on its queue, in order; returns how many were sent.

    Blocks for at most about 0.3 s when the broker is away: call it in a thread. A failure is no
    loss, since the reconciler sends every recorded item that no queue holds.

    Raises:
        kombu.exceptions.OperationalError: The broker refused or its outcome is unknown.
    """
    sent = 0
    with app.producer_or_acquire() as producer:
        for ref in refs:
            publish(app, producer, queue, ref, alone=alone)
            sent += 1
    return sent


def publish(app: Celery, producer: Any, queue: QueueName, ref: ItemRef, *, alone: bool) -> None:
    """Hand one message to a kombu producer."""
    headers: dict[str, Any] = {**tracing.headers(), **({FIRST: True} if alone else {})}
    app.send_task(
        TASK_CLASSIFY,
        args=arguments(ref, alone=alone),
        task_id=message_id(ref),
        headers=headers or None,
        queue=queue.value,
        producer=producer,
        retry=False,
        ignore_result=True,
    )


def arguments(ref: ItemRef, *, alone: bool) -> list[str | int | bool]:
    """The task's arguments."""
    return [ref.job_id, ref.index, ref.attempt, alone]


def message_id(ref: ItemRef) -> str:
    """The Celery task id of one delivery: a resend has another, so acks never cross."""
    return f"{ref.job_id}.{ref.index}.{ref.attempt}"
