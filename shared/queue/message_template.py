"""Celery messages as text, for Lua scripts that write a record and its message in one step.

Celery and kombu write one template for each queue; all other messages differ only in their ids.
Writing each message with Celery took 0.3 ms of the 3 ms that the API spends on a photo. So the
template is text with gaps.
"""

import json
import os
from base64 import b64decode, b64encode
from typing import Any

from celery import Celery
from kombu import Connection
from kombu.transport import memory
from pydantic_core import to_json

from shared import tracing
from shared.messages import CHUNK_MAX, Chunk, ItemRef
from shared.queue.celery_app import TASK_CLASSIFY, TASK_CLASSIFY_CHUNK, make_celery
from shared.queue.names import QueueName

# The gaps of a template, and where the headers of a trace are added.
ID, ARGS, BODY, TAG = "<id>", "<args>", "<body>", "<tag>"
HEADERS = '"headers": {'


class _Channel(memory.Channel):
    def _put(self, queue: str, message: Any, **_: Any) -> None:  # noqa: ARG002 - kombu names it
        self.drafted = message


class _Transport(memory.Transport):
    Channel = _Channel


class MessageTemplate:
    """Writes messages; opens no connection."""

    def __init__(self) -> None:
        app = make_celery("memory://")
        channel = Connection(transport=_Transport).channel()
        producer = app.amqp.Producer(channel)
        self._forms: dict[tuple[QueueName, str], tuple[str, list[Any]]] = {}
        for queue in QueueName:
            for delivery in (ItemRef("", 0, 1), Chunk("", 0, 1)):
                publish(app, producer, queue, delivery)
                form = channel.drafted
                self._forms[queue, form["headers"]["task"]] = _with_gaps(form)

    def draft(self, queue: QueueName, delivery: ItemRef | Chunk, *, alone: bool = False) -> str:
        """The text of a message, for ``LPUSH``.

        Args:
            queue: The queue; its name is part of the message.
            delivery: The item and its next attempt, or several items.
            alone: Whether the item runs in isolation.
        """
        task, args, task_id = task_of(delivery, alone=alone)
        text, unchanged = self._forms[queue, task]
        body = b64encode(to_json([args, *unchanged])).decode()
        own = {ID: task_id, ARGS: repr(args), BODY: body, TAG: os.urandom(16).hex()}
        for gap, value in own.items():
            text = text.replace(f'"{gap}"', to_json(value).decode())
        if trace := tracing.headers():
            text = text.replace(HEADERS, HEADERS + json.dumps(trace)[1:-1] + ", ", 1)
        return text


def _with_gaps(message: dict[str, Any]) -> tuple[str, list[Any]]:
    """The text of a message with gaps for what differs, and what its body has after the args."""
    _, *unchanged = json.loads(b64decode(message["body"]))
    message["headers"] |= {"id": ID, "root_id": ID, "argsrepr": ARGS}
    message["properties"] |= {"correlation_id": ID, "delivery_tag": TAG}
    return json.dumps({**message, "body": BODY}), unchanged


def publish(app: Celery, producer: Any, queue: QueueName, delivery: ItemRef | Chunk) -> None:
    """Send one message with a kombu producer."""
    task, args, task_id = task_of(delivery, alone=False)
    app.send_task(
        task,
        args=args,
        task_id=task_id,
        headers=tracing.headers() or None,
        queue=queue.value,
        producer=producer,
        retry=False,
        ignore_result=True,
    )


def task_of(delivery: ItemRef | Chunk, *, alone: bool) -> tuple[str, list[str | int | bool], str]:
    """The task's name, its arguments and its id."""
    args: list[str | int | bool]
    if isinstance(delivery, Chunk):
        args = [delivery.job_id, delivery.first, delivery.count]
        task_id = f"{message_id(delivery.refs[0])}.{delivery.count}"
        return TASK_CLASSIFY_CHUNK, args, task_id
    args = [delivery.job_id, delivery.index, delivery.attempt, alone]
    return TASK_CLASSIFY, args, message_id(delivery)


def message_id(ref: ItemRef) -> str:
    """The Celery task id of one delivery; each attempt has another id, so acks are not mixed up."""
    return f"{ref.job_id}.{ref.index}.{ref.attempt}"


def deliveries(task_id: str) -> list[ItemRef]:
    """The items of a message with this id; none for an id of another form."""
    try:
        job_id, index, attempt, *count = task_id.split(".")
        first, (many,) = int(index), [int(part) for part in count] or [1]
        return [ItemRef(job_id, first + at, int(attempt)) for at in range(min(many, CHUNK_MAX))]
    except (ValueError, AttributeError):
        return []
