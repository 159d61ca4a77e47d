"""A record that is known without reading it."""

from api.jobs.snapshots import as_created
from shared.messages import JobState
from shared.queue.names import QueueName
from shared.records.new_job import NewItem, NewJob


def test_a_job_as_created_waits() -> None:
    job = NewJob("0" * 32, QueueName.INTERACTIVE, 3, [NewItem("cat.jpg", "0.0")])
    assert as_created(job).status is JobState.QUEUED
