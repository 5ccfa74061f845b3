"""An OpenTelemetry span for every inference of a program that uses OpenTelemetry.

Such a program has imported `opentelemetry.trace`; any other program pays for one dictionary lookup. The span's
attributes have the names of Triton's own spans. The context travels as W3C Trace Context
(https://www.w3.org/TR/trace-context/).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cronnx._transports.base import InferRequest


@dataclass
class InferenceTrace:
    """The trace of one inference and its attempts.

    Attributes:
        headers: The headers that carry the context to the server; empty if the inference is not traced.
        attempts: The number of requests sent so far.
    """

    headers: dict[str, str] = field(default_factory=dict)
    attempts: int = 0


@contextmanager
def traced(request: InferRequest) -> Iterator[InferenceTrace]:
    """Open a span below the current one. An error that leaves the context is recorded in the span."""
    inference = InferenceTrace()
    if "opentelemetry.trace" not in sys.modules:
        yield inference
        return
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    attributes = {
        "triton.model_name": request.model_name,
        "triton.model_version": request.model_version,
        "triton.request_id": request.request_id,
    }
    tracer = trace.get_tracer("cronnx")
    name = f"infer {request.model_name}"
    with tracer.start_as_current_span(name, kind=trace.SpanKind.CLIENT, attributes=attributes) as span:
        # Triton 24.10 traces every request that carries a context, even one that is not sampled.
        if span.get_span_context().trace_flags.sampled:
            TraceContextTextMapPropagator().inject(inference.headers)
        try:
            yield inference
        finally:
            span.set_attribute("cronnx.attempts", inference.attempts)
