"""What kubectl's complaints mean, and where the registry is that a Secret names."""

from __future__ import annotations

import pytest

from perennial_cli.cluster.refusals import Forbidden, NotFound, Unreachable, refusal
from perennial_cli.cluster.registry import Service, forwarded, service_of
from perennial_core.errors import Outage, PerennialError, UserError

POLICY = (
    "The modelversions \"points-v2\" is invalid: : ValidatingAdmissionPolicy 'perennial-approval'"
    " with binding 'perennial-approval' denied request: spec.decision.by: has to be your own name"
)


@pytest.mark.parametrize(
    ("complaint", "kind", "text"),
    [
        (
            'Error from server (NotFound): predictionmodels.perennial.dev "x" not found',
            NotFound,
            'predictionmodels.perennial.dev "x" not found',
        ),
        (
            'Error from server (Forbidden): secrets is forbidden: User "eve" cannot get it',
            Forbidden,
            'secrets is forbidden: User "eve" cannot get it',
        ),
        (POLICY, Forbidden, "spec.decision.by: has to be your own name"),
        (
            'error: the server doesn\'t have a resource type "predictionmodels"',
            UserError,
            "there is no Perennial in this cluster: it does not know PredictionModels; install the"
            " chart helm/perennial, or name another with --context",
        ),
        (
            "E1125 19:40:01.1 1 memcache.go:265] couldn't get current server API group list\n"
            "The connection to the server 127.0.0.1:1 was refused - did you specify the right host"
            " or port?",
            Unreachable,
            "the cluster does not answer: The connection to the server 127.0.0.1:1 was refused -"
            " did you specify the right host or port?",
        ),
        (
            "Unable to connect to the server: dial tcp: lookup nowhere: no such host",
            Unreachable,
            "the cluster does not answer: Unable to connect to the server: dial tcp: lookup"
            " nowhere: no such host",
        ),
        (
            "Error from server (ServiceUnavailable): the server is currently unable to handle it",
            Outage,
            "the cluster does not answer: the server is currently unable to handle it",
        ),
        ('error: context "x" does not exist', UserError, 'context "x" does not exist'),
        ("", UserError, "kubectl failed and did not say why"),
    ],
)
def test_complaints_of_kubectl(complaint: str, kind: type[PerennialError], text: str) -> None:
    error = refusal(complaint)
    assert (type(error), str(error)) == (kind, text)


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("redis://perennial-redis.perennial.svc:6379/0", ("perennial", "perennial-redis", 6379)),
        ("redis://r.ns.svc.cluster.local", ("ns", "r", 6379)),
        ("rediss://u:p@r.ns:6380/1", ("ns", "r", 6380)),
        ("redis://r:6379", ("shop", "r", 6379)),
        ("redis://master.abc.use1.cache.amazonaws.com:6379", None),
        ("redis://127.0.0.1:6379/0", None),
        ("redis://localhost:6379/0", None),
    ],
)
def test_services_of_the_cluster_are_known_by_their_host(
    url: str, service: tuple[str, str, int] | None
) -> None:
    assert service_of(url, "shop") == (service and Service(*service))


def test_a_forwarded_url_keeps_all_but_host_and_port() -> None:
    assert forwarded("redis://u:p%40@r.ns:6380/1", 5) == "redis://u:p%40@127.0.0.1:5/1"
    assert forwarded("redis://r.ns", 5) == "redis://127.0.0.1:5"
