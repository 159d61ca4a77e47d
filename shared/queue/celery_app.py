"""The Celery app, its options and the names of the tasks.

A message contains ids only. Without these options, messages were lost or a process hung;
``docs/decisions/0001-celery-on-redis.md`` gives the reason for each option.
"""

from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from shared.queue.names import QueueName

TASK_CLASSIFY = "classify"
# Another name than the single photo's: a worker of a release that knows no chunks discards the
# message whole, and the reconciler sends its photos again.
TASK_CLASSIFY_CHUNK = "classify_chunk"


def queues() -> list[Queue]:
    """Both queues, each with its own exchange; Celery would bind both to the same exchange."""
    return [Queue(name, Exchange(name), routing_key=name) for name in map(str, QueueName)]


def make_celery(broker_url: str, **overrides: Any) -> Celery:
    """A Celery app without a result backend: results are in the job record.

    Only workers connect through it, when they start. `shared.queue.message_template` writes the
    messages.
    """
    app = Celery("image-classifier", set_as_current=False)
    app.conf.update(
        broker_url=broker_url,
        broker_transport_options={"priority_steps": [0]},
        task_queues=queues(),
        task_default_queue=QueueName.BATCH.value,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        event_serializer="json",
    )
    app.conf.update(overrides)
    return app
