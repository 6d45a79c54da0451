"""``perennial run`` of a model that takes versions over: from the same Redis, and from another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import command
import pytest
import yaml
from local_run import LocalRun, resource

from perennial_cli.local.redis_server import RedisServer


def staging(*targets: str) -> dict[str, Any]:
    allowed = [{"namespace": target} for target in targets]
    model = resource(promotion={"allowTo": allowed})
    model["metadata"]["namespace"] = "staging"
    return model


def production(**source: Any) -> dict[str, Any]:
    model = resource(promotion={"from": {"namespace": "staging", "name": "points", **source}})
    model["metadata"]["namespace"] = "production"
    del model["spec"]["training"]
    return model


def test_what_serves_in_one_is_taken_over_by_the_other(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    staged = LocalRun(tmp_path / "staging", staging(), "--redis-url", own_redis.url)
    taken = LocalRun(tmp_path / "production", production(), "--redis-url", own_redis.url)
    staged.generate("--seed", "1")
    with staged, taken:
        staged.prints("serving version 1 at")
        taken.prints("staging/points does not allow production/points; add it to")
        staged.edit(staging("production"))
        taken.prints("took over version 1, which is staging/points v1: r2 ")
        taken.serves(1)
        assert taken.prediction() == staged.prediction()
        staged.generate("--seed", "2")
        asked = staging("production")
        asked["metadata"]["annotations"] = {"perennial.dev/train": "again"}
        staged.edit(asked)
        taken.prints("took over version 2, which is staging/points v2: r2 ")
        taken.serves(2)


def test_what_serves_in_another_redis_is_taken_over(tmp_path: Path, own_redis: RedisServer) -> None:
    staged = LocalRun(tmp_path / "staging", staging("production"), "--redis-url", own_redis.url)
    staged.generate("--seed", "1")
    secret = {"kind": "Secret", "metadata": {"name": "far", "namespace": "production"}}
    secret["stringData"] = {"url": own_redis.url}
    far = production(registrySecret="far")
    taken = LocalRun(tmp_path / "production", far)
    taken.edit(yaml.safe_dump_all([far, secret]))
    with staged:
        staged.prints("serving version 1 at")
        with taken:
            taken.prints("took over version 1, which is staging/points v1 of 127.0.0.1:")
            taken.serves(1)


def test_a_model_whose_versions_are_brought_serves_what_is_there(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    trained = LocalRun(tmp_path, resource(), "--redis-url", own_redis.url)
    trained.generate("--seed", "1")
    with trained:
        trained.serves(1)
    brought = resource(promotion={})
    del brought["spec"]["training"]
    trained.edit(brought)
    with trained:
        trained.prints("no version is made here")
        trained.serves(1)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (production(), "spec.promotion.from: staging/points is not in a Redis of one's own; name"),
        (production(registrySecret="far"), "spec.promotion.from.registrySecret: Secret far is not"),
    ],
)
def test_what_cannot_be_taken_over_here_is_refused_by_the_field(
    tmp_path: Path, model: dict[str, Any], says: str
) -> None:
    run = LocalRun(tmp_path, model)
    with run:
        assert run.process.wait(60) != 0
    assert says in run.output()


def test_a_person_says_by_command_which_version_is_taken_over(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    redis = ("--redis-url", own_redis.url)
    staged = LocalRun(tmp_path / "staging", staging("production"), *redis)
    taken = LocalRun(tmp_path / "production", production(version=9), *redis)
    staged.generate("--seed", "1")
    with staged, taken:
        staged.prints("serving version 1 at")
        taken.is_at_work()
        here = ("--local", str(taken.directory / "model.yaml"), "--directory", str(taken.state))
        told = command.perennial("promote", "points", *here, "--wait")
        assert "takes over version 1 of its source; Published: " in told
        taken.serves(1)
        command.perennial("promote", "--follow", *here)
        assert "version" not in (taken.directory / "model.yaml").read_text().replace(
            "apiVersion", ""
        )
        there = ("--local", str(staged.directory / "model.yaml"), "--directory", str(staged.state))
        told = command.refused("promote", *there, "--version", "1")
        assert "spec.promotion.from: is missing" in told
