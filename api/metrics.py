"""What Prometheus sees of the API."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("malha_api_requests", "Requests of products", ["product", "status"])
SECONDS = Histogram(
    "malha_api_request_seconds",
    "From a request's arrival to its last byte",
    ["product"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
ANSWERS = Counter(
    "malha_api_answers",
    "What answered: cache, tier (in memory), thrift (Spark), or not_modified (304)",
    ["product", "source"],
)
ENGINE_SECONDS = Histogram(
    "malha_api_engine_seconds",
    "How long a query took its engine",
    ["engine"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
QUEUE = Gauge("malha_api_queue", "Queries that run or wait", ["engine"])
ABANDONED = Gauge(
    "malha_api_abandoned_queries", "Queries that were cancelled and still run", ["engine"]
)
WORKER_ERRORS = Counter(
    "malha_api_worker_errors", "Failures of what runs in the background", ["worker"]
)
AUDIT_LOST = Counter("malha_api_audit_lost", "Accesses that could not be noted")
NOT_SERVED = Gauge("malha_api_products_not_served", "Products whose declaration cannot be used")
OVERLOADED = Gauge(
    "malha_api_overloaded", "1 while more requests stand in line for the process than may"
)
SNAPSHOT_TIME = Gauge(
    "malha_api_snapshot_timestamp_seconds",
    "When the snapshot that is served was committed",
    ["product"],
)
TIER_PRODUCTS = Gauge("malha_api_tier_products", "Products that are in memory")
TIER_BYTES = Gauge("malha_api_tier_bytes", "Memory that they take")
MANIFEST_OK = Gauge("malha_api_manifest_ok", "1 where dbt's manifest as it is now is served")
