"""A version is taken over from where it was proved, also from another Redis server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import redis.asyncio
from pyarrow import csv
from serving import DENIAL, approve_and_serve
from trainer_builders import gate, order, settings

from perennial_cli.local.redis_server import RedisServer
from perennial_core.artifact import ArtifactUnusable
from perennial_core.gate import Outcome, examine
from perennial_core.identity import ModelKey, Version
from perennial_core.manifest import ArtifactFormat, Manifest
from perennial_core.order import PromotionOrder
from perennial_core.registry import (
    Registry,
    RegistryRefused,
    RegistryUnavailable,
    RunOutcome,
)
from perennial_core.registry.keys import ModelKeys
from perennial_core.resource.gate import GateSpec
from perennial_core.resource.promotion import PromotionTarget
from perennial_core.settings import RegistrySettings, TrainerSettings, environment
from perennial_trainer.failure import DataError, SpecError
from perennial_trainer.promotion import promote
from perennial_trainer.record import Start
from perennial_trainer.run import run

NUMBERS = count()
REGRESSION = GateSpec.model_validate({"metrics": [{"name": "r2", "maxRegression": "0.01"}]})
EXAMPLE = {"inputs": {"x": 100}, "expected": 203, "tolerance": "0.01"}
FILE = {"uri": "file:///data/points.csv", "target": "y"}


@dataclass
class Environments:
    """Staging, where versions are trained, and production, which takes them over."""

    folder: Path
    staged: Registry
    live: Registry
    staging: ModelKey
    production: ModelKey

    def write(self, slope: float = 2.0, first: float = 0.0, **columns: Any) -> None:
        (self.folder / "data").mkdir(exist_ok=True)
        x = np.linspace(first, first + 10, 100)
        table = pa.table({"x": x, "y": slope * x + 3, **columns})
        csv.write_csv(table, self.folder / "data" / "points.csv")

    async def train(self, slope: float = 2.0, **spec: Any) -> Manifest:
        """Train a version in staging that is approved and serves there."""
        self.write(slope)
        given = order(model=str(self.staging), **spec)
        start = Start(given, settings(self.folder, run_id=f"trained-{next(NUMBERS)}"))
        version = await run(start, self.staged)
        manifest = await self.staged.manifest(self.staging, version)
        await approve_and_serve(self.staged, self.staging, version, manifest.digest)
        return manifest

    async def allow(self) -> None:
        target = PromotionTarget(namespace=self.production.namespace)
        await self.staged.allow(self.staging, [target])

    async def promote(
        self, *, asked: GateSpec | None = None, serve: bool = False, **source: Any
    ) -> Manifest | None:
        """Take a version over; with ``serve`` it is approved and serves then."""
        staging = {"namespace": self.staging.namespace, "name": self.staging.name}
        given = PromotionOrder.model_validate(
            {
                "model": str(self.production),
                "promotion": {**staging, **source},
                "gate": asked or GateSpec(),
            }
        )
        start = Start(given, settings(self.folder, run_id=f"promoted-{next(NUMBERS)}"))
        version = await promote(start, self.live)
        if version is None:
            return None
        manifest = await self.live.manifest(self.production, version)
        if serve:
            await approve_and_serve(self.live, self.production, version, manifest.digest)
        return manifest

    async def last_run(self) -> tuple[RunOutcome, str]:
        last, *_ = await self.live.runs(self.production)
        return last.outcome, last.message


@pytest.fixture
def pair(tmp_path: Path, registry: Registry) -> Environments:
    """Two models in one registry."""
    name = f"promoted-{next(NUMBERS)}"
    staging, production = ModelKey("staging", name), ModelKey("production", name)
    return Environments(tmp_path, registry, registry, staging, production)


PASSWORD = "red/apple"


@pytest.fixture
async def far(
    pair: Environments, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Environments]:
    """Two models in two Redis servers; that of staging wants a password, and knows only readers."""
    client: Any = redis.asyncio.Redis.from_url(own_redis.url)
    async with client:
        reads = [
            *("+ping", "+get", "+mget", "+getrange", "+zrange", "+hgetall", "+xrevrange"),
            *("+evalsha", "+script|load"),
        ]
        only = f"~{ModelKeys(pair.staging).prefix}*"
        await client.execute_command("ACL", "SETUSER", "reader", "on", f">{PASSWORD}", only, *reads)
    host = own_redis.url.removeprefix("redis://")
    monkeypatch.setenv("PERENNIAL_SOURCE_REDIS_URL", f"redis://reader@{host}")
    monkeypatch.setenv("PERENNIAL_SOURCE_REDIS_PASSWORD", PASSWORD)
    given = RegistrySettings.of({"url": own_redis.url})
    async with Registry.from_settings(given) as staged:
        yield Environments(pair.folder, staged, pair.live, pair.staging, pair.production)


async def test_production_gets_the_bytes_that_serve_in_staging(pair: Environments) -> None:
    staged = await pair.train()
    await pair.allow()
    promoted = await pair.promote()

    assert promoted is not None
    assert (promoted.digest, promoted.version) == (staged.digest, 1)
    assert promoted.metrics.candidate == staged.metrics.candidate
    artifact = await pair.live.artifact(pair.production, promoted.digest)
    assert artifact == await pair.staged.artifact(pair.staging, staged.digest)
    origin = promoted.promoted_from
    assert origin is not None
    assert (str(origin), origin.run_id) == (f"{pair.staging} v1", staged.run_id)
    assert origin.decision is not None
    assert origin.decision.by == "the gate"
    outcome, message = await pair.last_run()
    assert outcome is RunOutcome.PUBLISHED
    assert message == f"published version 1, which is {pair.staging} v1"


async def test_between_two_redis_servers_a_reader_of_one_model_suffices(far: Environments) -> None:
    staged = await far.train()
    await far.allow()
    promoted = await far.promote(registrySecret="staging")

    assert promoted is not None
    assert promoted.digest == staged.digest
    assert promoted.promoted_from is not None
    host = os.environ["PERENNIAL_SOURCE_REDIS_URL"].partition("@")[2].removesuffix("/0")
    assert promoted.promoted_from.registry == host
    assert PASSWORD not in promoted.to_bytes().decode()
    assert await far.live.latest(far.staging) is None


async def test_the_same_version_is_taken_over_once_and_the_next_one_again(
    pair: Environments,
) -> None:
    await pair.train()
    await pair.allow()
    versions = [await pair.promote(), await pair.promote()]
    assert await pair.last_run() == (
        RunOutcome.SKIPPED,
        f"version 1 is {pair.staging} v1 already",
    )
    await pair.train(slope=5)
    versions.append(await pair.promote())
    assert [it and it.version for it in versions] == [1, 1, 2]


async def test_a_version_that_is_named_is_taken_over_also_when_another_serves(
    pair: Environments,
) -> None:
    first, second = await pair.train(), await pair.train(slope=5)
    await pair.allow()
    digests = [it and it.digest for it in (await pair.promote(), await pair.promote(version=1))]
    assert digests == [second.digest, first.digest]


async def test_a_source_that_serves_nothing_yet_is_waited_for(pair: Environments) -> None:
    await pair.allow()
    assert await pair.promote() is None
    assert await pair.last_run() == (
        RunOutcome.SKIPPED,
        f"{pair.staging} serves no version yet",
    )


async def test_what_is_not_allowed_or_not_there_is_refused_by_the_field(
    pair: Environments,
) -> None:
    with pytest.raises(SpecError, match=r"^spec\.promotion\.from: .* is not in the registry"):
        await pair.promote()
    await pair.train()
    with pytest.raises(SpecError, match=r"does not allow .*; add it to spec\.promotion\.allowTo"):
        await pair.promote()
    await pair.allow()
    await pair.staged.decide(pair.staging, Version(1), DENIAL)
    with pytest.raises(SpecError, match=r"^spec\.promotion\.from\.version: version 2 .* retained"):
        await pair.promote(version=2)
    assert await pair.live.latest(pair.production) is None


async def test_a_registry_that_does_not_answer_is_waited_for_and_named(
    far: Environments, own_redis: RedisServer
) -> None:
    own_redis.stop()
    expected = r"^spec\.promotion\.from\.registrySecret \(Redis"
    with pytest.raises(RegistryUnavailable, match=expected):
        await far.promote(registrySecret="staging")


async def test_a_wrong_password_of_the_source_is_refused_by_the_field(
    far: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_SOURCE_REDIS_PASSWORD", "wrong")
    with pytest.raises(RegistryRefused, match=r"^spec\.promotion\.from\.registrySecret .*password"):
        await far.promote(registrySecret="staging")


async def test_a_secret_that_does_not_say_where_is_refused_by_the_field(pair: Environments) -> None:
    with pytest.raises(SpecError, match=r"registrySecret staging: PERENNIAL_SOURCE_REDIS_URL"):
        await pair.promote(registrySecret="staging")


async def test_an_artifact_that_cannot_be_loaded_here_is_not_taken_over(
    pair: Environments,
) -> None:
    staged = await pair.train()
    await pair.allow()
    client: Any = pair.staged._redis
    manifest = staged.changed(format=ArtifactFormat.SKOPS)
    await client.set(ModelKeys(pair.staging).manifest(staged.version), manifest.to_bytes())
    with pytest.raises(ArtifactUnusable, match=r"the skops artifact cannot be loaded"):
        await pair.promote()
    assert await pair.live.latest(pair.production) is None


async def test_two_models_do_not_hand_a_version_to_each_other_for_ever(pair: Environments) -> None:
    await pair.train()
    await pair.allow()
    await pair.promote(serve=True)
    back = Environments(pair.folder, pair.live, pair.staged, pair.production, pair.staging)
    await back.allow()
    with pytest.raises(SpecError, match=r"version 1 of this model itself; the two take from each"):
        await back.promote()


async def test_nor_do_three_of_them(pair: Environments) -> None:
    third = ModelKey("third", pair.staging.name)
    await pair.train()
    await pair.allow()
    await pair.promote(serve=True)
    onward = Environments(pair.folder, pair.live, pair.live, pair.production, third)
    await onward.allow()
    await onward.promote(serve=True)
    back = Environments(pair.folder, pair.live, pair.live, third, pair.staging)
    await back.allow()
    way = rf"they \({third}, {pair.production}\) take from each other"
    with pytest.raises(SpecError, match=rf"version 1 of this model itself; {way}"):
        await back.promote()


async def test_the_examples_of_the_target_are_asked_and_bring_it_over_again(
    pair: Environments,
) -> None:
    await pair.train()
    await pair.allow()
    await pair.promote()
    asked = gate(examples=[EXAMPLE, {**EXAMPLE, "expected": 1}])
    again = await pair.promote(asked=asked)

    assert again is not None
    assert again.version == 2
    assert [it.prediction for it in again.examples] == [pytest.approx(203)] * 2
    verdict = examine(asked, again)
    assert [check.outcome for check in verdict.checks] == [Outcome.PASSED, Outcome.FAILED]
    assert (await pair.promote(asked=asked)) == again


async def test_the_scores_of_the_incumbent_in_staging_count_where_it_is_the_same(
    pair: Environments,
) -> None:
    await pair.train()
    await pair.allow()
    await pair.promote(serve=True)
    await pair.train(slope=2.1)
    followed = await pair.promote()
    assert followed is not None
    assert (followed.metrics.incumbent_version, followed.metrics.incumbent is None) == (1, False)
    assert examine(REGRESSION, followed).outcome is Outcome.PASSED

    await pair.train(slope=9)  # measured beside version 2, which never served in production
    skipped = await pair.promote()
    assert skipped is not None
    verdict = examine(REGRESSION, skipped)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "version 1 could not be measured: it is not what served" in verdict.message


async def test_rows_of_its_own_decide_for_the_target(pair: Environments) -> None:
    await pair.train()
    await pair.allow()
    first = await pair.promote(serve=True, data=FILE)
    await pair.train(slope=5)
    pair.write(slope=2, first=5)  # in production nothing changed but where the rows lie
    asked = gate("r2", "neg_max_error", drift={"max": "0.25"})
    second = await pair.promote(asked=asked, data=FILE)

    assert first is not None
    assert first.metrics.candidate["r2"] == pytest.approx(1)
    assert second is not None
    assert second.metrics.incumbent is not None
    assert second.metrics.incumbent["r2"] == pytest.approx(1)
    assert second.metrics.candidate["r2"] is not None
    assert second.metrics.candidate["r2"] < 0.5
    assert "neg_max_error" in second.metrics.candidate
    assert (second.rows.training, second.rows.holdout) == (80, 20)
    assert second.drift is not None
    assert second.drift.features["x"] > 0.25
    assert examine(REGRESSION, second).outcome is Outcome.FAILED


async def test_unchanged_rows_are_measured_on_once_and_new_ones_again(pair: Environments) -> None:
    await pair.train()
    await pair.allow()
    versions = [await pair.promote(data=FILE), await pair.promote(data=FILE)]
    pair.write(slope=2.5)
    versions += [await pair.promote(data=FILE)]
    versions += [await pair.promote(data=FILE, asked=gate("neg_max_error"))]
    versions += [await pair.promote(data={**FILE, "skipUnchanged": False})]
    assert [it and it.version for it in versions] == [1, 1, 2, 3, 4]


async def test_columns_that_the_model_does_not_take_do_not_matter(pair: Environments) -> None:
    await pair.train()
    await pair.allow()
    pair.write(note=["a"] * 100, empty=[None] * 100)
    promoted = await pair.promote(data=FILE)
    assert promoted is not None
    assert promoted.metrics.candidate["r2"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            {"features": ["note"]},
            r"promotion\.from\.data has no feature 'x', which version 1 of",
        ),
        ({"target": "note"}, r"target column 'note' holds text"),
        ({"checks": {"minRows": 101}}, r"100 rows, fewer than spec\.training\.data\.checks"),
    ],
)
async def test_rows_that_do_not_do_are_refused(
    pair: Environments, data: dict[str, Any], says: str
) -> None:
    await pair.train()
    await pair.allow()
    pair.write(note=["a"] * 100)
    with pytest.raises(DataError, match=says):
        await pair.promote(data={**FILE, **data})


@pytest.fixture
def command(pair: Environments, registry_settings: RegistrySettings) -> Callable[..., Any]:
    """Return what runs the command with an order."""

    def run_it(**source: Any) -> subprocess.CompletedProcess[str]:
        staging = {"namespace": pair.staging.namespace, "name": pair.staging.name}
        content = {"model": str(pair.production), "promotion": {**staging, **source}}
        (pair.folder / "training.json").write_text(json.dumps(content))
        given: TrainerSettings = settings(pair.folder, run_id="command")
        variables = {**os.environ, **environment(given), **environment(registry_settings)}
        trainer = str(Path(sys.executable).with_name("perennial-trainer"))
        return subprocess.run(
            [trainer, "run"], env=variables, capture_output=True, text=True, timeout=120
        )

    return run_it


async def test_the_command_does_what_the_order_says(
    pair: Environments, command: Callable[..., Any]
) -> None:
    staged = await pair.train()
    await pair.allow()
    done = command()
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["event"] == "published"
    assert (await pair.live.manifest(pair.production, Version(1))).digest == staged.digest


async def test_the_command_says_what_is_wrong_by_the_field_of_the_promotion(
    pair: Environments, command: Callable[..., Any]
) -> None:
    await pair.train()
    refused = command()
    assert refused.returncode == 78
    told = (pair.folder / "termination").read_text()
    assert told.startswith(f"spec.promotion.from: {pair.staging} does not allow")
    await pair.allow()
    wrong = command(data={**FILE, "checks": {"minRows": 101}})
    assert wrong.returncode == 65
    told = (pair.folder / "termination").read_text()
    assert "fewer than spec.promotion.from.data.checks.minRows 101" in told
    assert await pair.last_run() == (RunOutcome.FAILED, told)
