"""OpenTelemetry traces, if ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set.

OpenTelemetry is imported only if traces are enabled, so the imports are inside functions. The other
environment variables of the SDK (``OTEL_SERVICE_NAME``, ``OTEL_TRACES_SAMPLER``, …) work too.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from shared import log
from shared.loopback import reach_directly
from shared.settings import SharedSettings

_log = log.get(__name__)

# `start` replaces both, so call them as attributes of this module.
span: Callable[[str], AbstractContextManager[Any]] = nullcontext
"""A named span in this thread's current trace; without traces, it does nothing."""
headers: Callable[[], dict[str, str]] = dict
"""The headers of a message with which its task continues the current trace."""

_provider: Any = None


def start(settings: SharedSettings, name: str, *, consumes: bool = False) -> None:
    """Start tracing this process, if traces are enabled and OpenTelemetry is installed.

    Args:
        settings: Whether traces are enabled.
        name: The service's name, unless ``OTEL_SERVICE_NAME`` is set.
        consumes: Whether this process runs Celery tasks.
    """
    if not settings.otel_exporter_otlp_endpoint:
        return
    reach_directly()
    try:
        _start(name, consumes=consumes)
    except ImportError as error:
        _log.error(
            "no traces: OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: "
            "pip install -r shared/requirements-tracing.txt",
            missing=error.name,
        )
    else:
        _log.info("traces are sent", service=name)


def _start(name: str, *, consumes: bool) -> None:
    from opentelemetry import trace  # noqa: PLC0415 - only when asked for
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - as above
        OTLPSpanExporter,
    )
    from opentelemetry.instrumentation.celery import CeleryInstrumentor  # noqa: PLC0415 - as above
    from opentelemetry.instrumentation.redis import RedisInstrumentor  # noqa: PLC0415 - as above
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above

    from shared.tracing.sampler import NoLoneCalls  # noqa: PLC0415 - as above

    global span, headers, _provider  # noqa: PLW0603 - OpenTelemetry's own provider is as global
    resource = Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME") or name})
    _provider = TracerProvider(resource=resource)
    _provider.sampler = NoLoneCalls(_provider.sampler)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(_provider)
    span, headers = trace.get_tracer("image-classifier").start_as_current_span, _inject
    RedisInstrumentor().instrument()
    if consumes:
        CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]


def stop() -> None:
    """Send the remaining spans."""
    if _provider is not None:
        _provider.shutdown()


def _inject() -> dict[str, str]:
    # The Celery instrumentation would create a span for each message, and it does not add headers
    # to tasks that are sent by name.
    from opentelemetry.propagate import inject  # noqa: PLC0415 - only when asked for

    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier
