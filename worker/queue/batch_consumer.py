"""Consumes the batch queue beside Celery's own consumer, which has the queue of waiting requests.

Each consumer has a channel of its own with its own limit of messages, and as many task threads as
that. So a waiting request always finds a thread, however many photos of batches this worker holds,
and neither queue starves the other. What both have in common is the model, where
:class:`~worker.inference.micro_batcher.MicroBatcher` lets waiting requests overtake.
"""

from typing import Any

from celery import bootsteps
from celery.worker.consumer import Tasks
from kombu.common import ignore_errors

from shared.queue.celery_app import queues
from shared.queue.names import QueueName

QUEUES = {QueueName(queue.name): queue for queue in queues()}


class BatchConsumer(bootsteps.StartStopStep):  # type: ignore[misc] # Celery has no types
    """A step of Celery's worker, started again with each connection."""

    requires = (Tasks,)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._consumer: Any = None

    def start(self, parent: Any) -> None:
        """Open the channel and consume."""
        threads = max(1, parent.pool.num_processes // len(QueueName))  # 0 would be no limit
        # Celery would let waiting requests have the threads of both queues; its loop applies this
        parent.qos.value = threads
        channel = parent.connection.channel()
        channel.basic_qos(0, threads, False)
        self._consumer = parent.app.amqp.TaskConsumer(
            channel, queues=[QUEUES[QueueName.BATCH]], on_decode_error=parent.on_decode_error
        )
        self._consumer.on_message = parent.create_task_handler()
        self._consumer.consume()

    def stop(self, parent: Any) -> None:
        """Take no more messages."""
        if self._consumer:
            ignore_errors(parent, self._consumer.cancel)

    def shutdown(self, parent: Any) -> None:
        """Close the channel, which puts back what no thread has started."""
        if self._consumer:
            self.stop(parent)
            ignore_errors(parent, self._consumer.close)
            self._consumer = None
