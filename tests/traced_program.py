"""OpenTelemetry tracing of the test process, switched on by a test.

A process keeps its tracer provider until it ends, and the other tests should run without tracing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON, Sampler, SamplingResult

SERVICE = "caller"


class _Switch(Sampler, SpanProcessor):
    """Samples and exports spans while an exporter is set."""

    exporter: SpanExporter | None = None

    def should_sample(self, *arguments: Any, **options: Any) -> SamplingResult:
        return (DEFAULT_ON if self.exporter else ALWAYS_OFF).should_sample(*arguments, **options)

    def get_description(self) -> str:
        return "while a test traces"

    def on_end(self, span: ReadableSpan) -> None:
        if self.exporter and span.context and span.context.trace_flags.sampled:
            self.exporter.export([span])


@cache
def _switch() -> _Switch:
    switch = _Switch()
    provider = TracerProvider(sampler=switch, resource=Resource({"service.name": SERVICE}))
    provider.add_span_processor(switch)
    trace.set_tracer_provider(provider)
    return switch


@contextmanager
def tracing_to(exporter: SpanExporter) -> Iterator[trace.Tracer]:
    """Trace the test process for the duration of the block."""
    switch = _switch()
    switch.exporter = exporter
    try:
        yield trace.get_tracer("tests")
    finally:
        switch.exporter = None
        exporter.shutdown()
