"""The names of the queues, for Celery and for the index of unfinished items."""

from enum import StrEnum


class QueueName(StrEnum):
    """The two Celery queues; a waiting request never stands behind a batch."""

    INTERACTIVE = "interactive"
    BATCH = "batch"
