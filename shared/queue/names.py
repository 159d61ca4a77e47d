"""The names of the queues, for Celery and for the index of unfinished items."""

from enum import StrEnum


class QueueName(StrEnum):
    """The two Celery queues: waiting requests do not queue behind batches."""

    INTERACTIVE = "interactive"
    BATCH = "batch"
