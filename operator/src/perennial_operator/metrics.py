"""The operator's own metrics."""

from prometheus_client import Counter, Gauge, Histogram

RECONCILES = Counter(
    "perennial_operator_reconciles_total", "Reconciles by result: done, outage, error", ["result"]
)
RECONCILE_SECONDS = Histogram("perennial_operator_reconcile_seconds", "Duration of a reconcile")
API_REQUESTS = Counter(
    "perennial_operator_api_requests_total",
    "Requests to the API server by their method; watches are not counted",
    ["method"],
)
MODELS = Gauge("perennial_operator_models", "Models that the operator knows")
AWAITING_APPROVAL = Gauge(
    "perennial_versions_awaiting_approval",
    "Versions of a model on which a person has to decide",
    ["namespace", "model"],
)
LEADS = Gauge("perennial_operator_leads", "1 on the replica that acts")
