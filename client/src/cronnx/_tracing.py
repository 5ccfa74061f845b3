"""A span for every inference, in a program that traces itself by OpenTelemetry.

Such a program has imported `opentelemetry.trace`: any other pays a look into a dictionary. The span's attributes are
named as those of Triton's own spans, its context travels as W3C Trace Context (https://www.w3.org/TR/trace-context/).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cronnx._transport import InferRequest


@dataclass
class CallTrace:
    """What a call's span and its requests tell each other.

    Attributes:
        headers: For the requests; empty where the call is not traced.
        attempts: How many requests there were.
    """

    headers: dict[str, str] = field(default_factory=dict)
    attempts: int = 0


@contextmanager
def traced(request: InferRequest) -> Iterator[CallTrace]:
    """Have a span while this lasts, below the current one; an error that ends it is in it."""
    call = CallTrace()
    if "opentelemetry.trace" not in sys.modules:
        yield call
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
        # Triton 24.10 traces whatever has a context, also one that says it is not sampled.
        if span.get_span_context().trace_flags.sampled:
            TraceContextTextMapPropagator().inject(call.headers)
        try:
            yield call
        finally:
            span.set_attribute("cronnx.attempts", call.attempts)
