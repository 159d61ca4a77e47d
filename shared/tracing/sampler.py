"""Which traces are begun: not those of a call to Redis that belongs to no request and no task.

Heartbeats and looks at the fleet would be most of all traces. Only shared.tracing imports this, and
only when OpenTelemetry is there.
"""

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import (
    Decision,
    Sampler,
    SamplingResult,
)
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes


class NoLoneCalls(Sampler):
    """Drops a client's span that would begin a trace; the rest is for another sampler to decide."""

    def __init__(self, others: Sampler) -> None:
        self._others = others

    def should_sample(  # noqa: PLR0913, PLR0917 - the protocol's
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """As OpenTelemetry asks."""
        begins = not get_current_span(parent_context).get_span_context().is_valid
        if begins and kind is SpanKind.CLIENT:
            return SamplingResult(Decision.DROP)
        return self._others.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        """As OpenTelemetry asks."""
        return f"NoLoneCalls({self._others.get_description()})"
