"""How far the photos of one message are."""

import time
from collections import deque
from dataclasses import dataclass, field

from shared.messages import ItemResult
from shared.records.items import StartedItem
from worker.monitoring.in_flight import InFlightItem
from worker.processing.classification import Submitted

# A client that follows its job should see progress at least twice a second.
RECORD_EVERY_S = 0.25


@dataclass
class Photo:
    """A photo that this worker has started."""

    item: StartedItem
    entry: InFlightItem
    submitted: Submitted = field(init=False)
    end: ItemResult = field(init=False)


@dataclass
class Progress:
    """How far the photos of a message are; times by `time.monotonic`."""

    left: deque[Photo]
    at: InFlightItem | None = None
    begun: deque[Photo] = field(default_factory=deque)
    ended: list[Photo] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    recorded: float = field(default_factory=time.monotonic)

    @property
    def patience_s(self) -> float:
        """Seconds for which results may still wait to be recorded."""
        return max(0.0, self.recorded + RECORD_EVERY_S - time.monotonic())
