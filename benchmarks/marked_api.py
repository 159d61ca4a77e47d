"""The api, which notes when it stores a photo and hears of a result: ``uvicorn`` runs `app`."""

from api.desk import Desk
from api.main import app
from api.waiting import Waiter
from benchmarks.marks import mark

__all__ = ["app"]

mark(Desk, "store", "store")
mark(Waiter, "_handle", "told")
