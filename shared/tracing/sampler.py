"""Samples no trace for a Redis call outside a request or task.

Otherwise heartbeats and state refreshes would be most of all traces. Only shared.tracing imports
this module, if OpenTelemetry is installed.
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
    """Drops a client span that would begin a trace; another sampler decides about all others."""

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
