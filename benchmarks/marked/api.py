"""The API, recording when it stores a photo and receives a result; ``uvicorn`` runs `app`."""

from api.jobs.completion_or_disconnect import CompletionListener
from api.jobs.service import JobService
from api.main import app
from benchmarks.marked.marks import mark

__all__ = ["app"]

mark(JobService, "store", "store")
mark(CompletionListener, "_handle", "told")
