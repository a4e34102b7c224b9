"""What the API counts."""

from synthmill.monitoring.metrics import SHORT_SECONDS, Counter, Gauge, Histogram

REQUESTS = Counter(
    "synthmill_api_requests_total",
    "Requests answered, by route template and class of status.",
    ["route", "method", "status"],
)
SECONDS = Histogram(
    "synthmill_api_request_seconds",
    "From a request's head to the last byte of its answer.",
    SHORT_SECONDS,
    ["route", "method"],
)
IN_FLIGHT = Gauge("synthmill_api_requests_in_flight", "Requests being answered now.")
UPLOADED = Counter("synthmill_api_upload_bytes_total", "Bytes of uploaded files that were stored.")
