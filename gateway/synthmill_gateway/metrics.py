"""What the gateway counts. Several workers on one port share their numbers, so that any of them tells of all."""

from synthmill.monitoring.metrics import LONG_SECONDS, Bounded, Counter, Gauge, Histogram

_CALLED = ["provider", "model"]

REQUESTS = Counter("synthmill_gateway_requests_total", "Chat requests answered, by class of status.", ["status"])
CALLS = Counter(
    "synthmill_gateway_calls_total", "Calls to providers that ended, by what came of them.", [*_CALLED, "outcome"]
)
SECONDS = Histogram("synthmill_gateway_call_seconds", "How long a provider took.", LONG_SECONDS, _CALLED)
TOKENS = Counter("synthmill_gateway_tokens_total", "Tokens that providers counted.", [*_CALLED, "kind"])
COST = Counter("synthmill_gateway_cost_dollars_total", "What answers cost, where a price is known.", _CALLED)
IN_FLIGHT = Gauge("synthmill_gateway_calls_in_flight", "Calls that providers have not answered yet.", _CALLED)

bounded = Bounded(100)
"""Without a file clients name any model they like."""
