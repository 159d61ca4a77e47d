"""Logging for API and worker: structlog, as text or JSON lines on stderr.

Libraries that use :mod:`logging` (uvicorn, Celery) are logged in the same format. The service's own
lines do not pass through :mod:`logging`, which would take as long again as writing them.
"""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Literal

import structlog


def configure(level: str, form: Literal["pretty", "json"]) -> None:
    """Send every log line of this process to stderr in one format.

    Args:
        level: Name of the lowest level that is logged.
        form: ``pretty`` for terminals, ``json`` for one JSON object per line.
    """
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _merge_subject,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                # The rich traceback prints local variables, such as photo bytes and keys.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    )
    structlog.configure(
        processors=[*before, *last],
        # a line below the level costs only the function call
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=_Stderr,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.lock = _turn
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *before],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


# Held while a line is written: a pipe takes long lines in pieces, which would be mixed.
_turn = threading.RLock()


class _Stderr(structlog.WriteLogger):
    """Writes lines to stderr, in turn with the lines that libraries log."""

    def __init__(self, name: str = "") -> None:
        super().__init__(sys.stderr)
        self.name = name

    def msg(self, message: str) -> None:
        """Write a line. A full disk or a closed pipe loses the line, not the request."""
        with suppress(OSError), _turn:
            self._write(message + "\n")
            self._flush()

    debug = info = warning = error = critical = exception = msg


_subject: ContextVar[dict[str, Any] | None] = ContextVar("subject", default=None)


def _merge_subject(
    _: Any, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    for name, value in (_subject.get() or {}).items():
        event.setdefault(name, value)
    return event


@contextmanager
def about(**fields: Any) -> Iterator[dict[str, Any]]:
    """Add fields to all log lines inside the block; more fields may be added to the returned dict.

    structlog's ``bound_contextvars`` takes ten times as long, and a worker does this for each
    photo.
    """
    token = _subject.set(fields)
    try:
        yield fields
    finally:
        _subject.reset(token)


def request_id() -> str:
    """The id of the current request; empty outside a request."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger that takes its fields by keyword: ``log.info("item ended", job=job_id)``."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
