"""Which messages this worker looks at: those that ``shared.queue.send`` makes, and no others.

Celery and kombu raise, and the worker ends, on many things that a queue can hold (a body that is no
triple, an unknown encoding, a number where a name belongs). So the form is checked whole before
they see it. Depends on the contract alone.
"""

import base64
import json
from typing import Any

from shared.queue import TASK_CLASSIFY
from shared.queue_names import QueueName

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
            and all(type(number) is int for number in (index, attempt))  # a bool is none
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
