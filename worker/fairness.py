"""Order of the queues when both a waiting request and a batch want the model."""

from shared.queue.names import QueueName

# Four waiting requests for one photo of a batch: /predict stays quick, a batch never starves.
INTERACTIVE_SHARE = 4


class FairScheduler:
    """Interactive first, a batch's turn after every ``INTERACTIVE_SHARE`` in a row."""

    def __init__(self) -> None:
        self._in_a_row = 0

    @property
    def first(self) -> QueueName:
        """The queue to take from when both have something."""
        return QueueName.INTERACTIVE if self._in_a_row < INTERACTIVE_SHARE else QueueName.BATCH

    def took(self, queue: QueueName) -> None:
        """Count one item taken from a queue."""
        self._in_a_row = self._in_a_row + 1 if queue is QueueName.INTERACTIVE else 0
