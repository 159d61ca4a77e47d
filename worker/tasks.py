"""The one Celery task, thin: it unpacks a message and hands it to the pipeline. Knows no torch."""

from collections.abc import Callable

from celery import Celery

from shared.items import ItemRef
from shared.queue import TASK_CLASSIFY

Handler = Callable[[ItemRef, bool], None]


def register(app: Celery, handler: Handler) -> None:
    """Make the app answer ``classify`` messages with ``handler``."""

    @app.task(name=TASK_CLASSIFY, acks_late=True, ignore_result=True)
    def classify(job_id: str, index: int, attempt: int, alone: bool) -> None:
        handler(ItemRef(str(job_id), int(index), int(attempt)), bool(alone))
