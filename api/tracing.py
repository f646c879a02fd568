"""OpenTelemetry: a span for each request and each query, sent where API_TRACES_URL says."""

from importlib.metadata import version

from opentelemetry import trace

from api.edge import Asgi
from malha.settings import Settings

tracer = trace.get_tracer("malha.api")
"""Its spans cost next to nothing where nobody takes them."""


def traced(app: Asgi, settings: Settings) -> Asgi:
    """The application with a span for each request, where traces are sent anywhere."""
    if not settings.api_traces_url:
        return app
    # Loaded where it is used: it takes a quarter of a second.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": "malha-api", "service.version": version("malha")})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.api_traces_url))
    )
    trace.set_tracer_provider(provider)
    return OpenTelemetryMiddleware(app, excluded_urls="/health,/metrics", tracer_provider=provider)
