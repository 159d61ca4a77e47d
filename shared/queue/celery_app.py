"""The Celery side of the wire: the task's name, the app, and what a message carries.

A message carries ids only. The options come from what was measured to lose messages or to hang;
``docs/decisions/0001-celery-on-redis.md`` gives each its reason.
"""

from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from shared.queue.names import QueueName

TASK_CLASSIFY = "classify"


def queues() -> list[Queue]:
    """Both queues, each with an exchange of the same name: Celery would bind them to one."""
    return [Queue(name, Exchange(name), routing_key=name) for name in map(str, QueueName)]


def make_celery(broker_url: str, **overrides: Any) -> Celery:
    """A Celery app without a result backend: results live in the job record.

    Nothing connects until a worker starts. Only workers connect by it: messages are written by
    `shared.queue.message_template`.
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
