"""Commands that people are told to type next run as they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perennial_cli.next_command import REDIS_URL_VARIABLE, next_command
from perennial_cli.where import Where

REDIS = "redis://127.0.0.1:6380/0"


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({}, ""),
        ({"namespace": "shop"}, " -n shop"),
        (
            {"namespace": "shop", "context": "far", "kubeconfig": "a b", "user": "eve"},
            " -n shop --context far --kubeconfig 'a b' --as eve",
        ),
        ({"local": Path("my model.yaml")}, " --local 'my model.yaml'"),
        (
            {"local": Path("m.yaml"), "directory": Path("state"), "redis_url": REDIS},
            f" --local m.yaml --directory state --redis-url {REDIS}",
        ),
    ],
)
def test_a_command_finds_the_model_where_this_one_found_it(
    given: dict[str, Any], options: str
) -> None:
    assert Where(**given).command("unpin", "points") == f"perennial unpin points{options}"


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "redis://:hush@127.0.0.1:6380/0"
    where = Where(local=Path("m.yaml"), redis_url=secret)
    assert where.command("unpin") == "perennial unpin --local m.yaml --redis-url ..."
    monkeypatch.setenv(REDIS_URL_VARIABLE, secret)
    assert where.command("unpin") == "perennial unpin --local m.yaml"


def test_who_came_by_kubectl_goes_on_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/kubectl-perennial", "status"])
    assert next_command("status") == "kubectl perennial status"
