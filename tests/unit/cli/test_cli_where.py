"""Where a model is looked for, and what is said where nothing is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perennial_cli.cluster.refusals import Unreachable
from perennial_cli.where import Where

COMPLAINT = (
    "The connection to the server localhost:8080 was refused - did you specify the right host"
)
TOLD = f"the cluster does not answer: {COMPLAINT} or port?"


@pytest.fixture
def no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kubectl that finds no cluster."""
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\necho '{COMPLAINT} or port?' >&2\nexit 1\n")
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


@pytest.mark.usefixtures("no_cluster")
@pytest.mark.parametrize(
    ("where", "told"),
    [
        (Where(), f"without --local FILE a cluster is asked, and {TOLD}"),
        (Where(namespace="shop"), TOLD),
        (Where(context="far"), TOLD),
    ],
)
async def test_who_names_no_cluster_where_none_is_hears_of_local_models(
    where: Where, told: str
) -> None:
    with pytest.raises(Unreachable) as refused:
        async with where.backend() as backend:
            await backend.train("points")
    assert str(refused.value) == told
