"""Logging for both sides: structlog over the standard library, pretty or JSON lines.

Libraries that log through :mod:`logging` (uvicorn, Celery) come out in the same form.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import structlog


def configure(level: str, form: Literal["pretty", "json"]) -> None:
    """Send every log line of this process to stderr in one form."""
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _merge_subject,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        # what is below the level costs a call and no more
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                # The rich form prints local variables: photo bytes, keys.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *before],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


_subject: ContextVar[dict[str, Any] | None] = ContextVar("subject", default=None)


def _merge_subject(
    _: Any, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    for name, value in (_subject.get() or {}).items():
        event.setdefault(name, value)
    return event


@contextmanager
def about(**fields: Any) -> Iterator[dict[str, Any]]:
    """What all lines inside are about; more fields may be put in once they are known.

    structlog's own ``bound_contextvars`` takes ten times as long, and a worker does this for each
    photo.
    """
    token = _subject.set(fields)
    try:
        yield fields
    finally:
        _subject.reset(token)


def request_id() -> str:
    """The id of the request that is being answered; empty outside of one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger that takes its fields by keyword: ``log.info("item ended", job=job_id)``."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
