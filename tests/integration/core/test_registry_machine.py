"""Whatever is done with the registry, also at once, it holds what a plain model of it says."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from operator import itemgetter
from typing import Any

import pytest
import redis.asyncio
from builders import NOW, manifest_body
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from registry_audit import registry_faults, registry_keys
from serving import APPROVAL, DENIAL

from perennial_core.identity import ModelKey, Version, digest_of
from perennial_core.registry import (
    Decision,
    Failure,
    NotApproved,
    Registry,
    Run,
    RunOutcome,
    Serving,
    VersionNotFound,
)
from perennial_core.registry.keys import ModelKeys
from perennial_core.registry.retention import expired
from perennial_core.settings import RegistrySettings

RUNS = st.integers(0, 11)
LIMITS = st.integers(1, 4)
VERSIONS = st.integers(1, 20).map(Version)
FAILURE = Failure(reason="Deadline", message="no pod became ready", at=NOW)
SKIPPED = Run(run_id="s", outcome=RunOutcome.SKIPPED, started=NOW, ended=NOW, message="unchanged")

_numbers = itertools.count()


def artifact_of(run: int) -> bytes:
    """Return what a run publishes; runs share artifacts."""
    return b"artifact %d" % (run % 4)


class RegistryMachine(RuleBasedStateMachine):
    """Does at random what trainers and controllers do with one model.

    What comes of things done at once differs from time to time, so that no rule may depend on it.
    """

    def __init__(self, registry_settings: RegistrySettings) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.registry = Registry.from_settings(registry_settings)
        self.client = redis.asyncio.Redis.from_url(registry_settings.url.get_secret_value())
        self.key = ModelKey("tests", f"machine-{next(_numbers)}")
        self.latest = 0
        self.retained: dict[Version, int] = {}  # to the run that published it
        self.runs: dict[int, Version] = {}
        self.records: list[str] = []  # run ids, newest first
        self.serving: Version | None = None
        self.failures: set[Version] = set()
        self.decisions: dict[Version, Decision] = {}
        self.loop.run(self.registry.purge(self.key))

    def teardown(self) -> None:
        self.loop.run(self.registry.purge(self.key))
        self.loop.run(self.registry.__aexit__(None, None, None))
        self.loop.run(self.client.aclose())
        self.loop.close()

    # What happens one after the other

    @rule(run=RUNS)
    def publish(self, run: int) -> None:
        known = self.runs.get(run)
        version, repeated = self.loop.run(self._publish(run))
        assert repeated == (known is not None)
        assert version == (known or self.latest + 1)
        if not repeated:
            self._published(run, version)

    @rule()
    def record_run(self) -> None:
        self.loop.run(self.registry.record_run(self.key, SKIPPED))
        self.records.insert(0, SKIPPED.run_id)

    @rule(version=VERSIONS, decision=st.sampled_from([APPROVAL, DENIAL]))
    def decide(self, version: Version, decision: Decision) -> None:
        deciding = self.registry.decide(self.key, version, decision)
        if version not in self.retained:
            with pytest.raises(VersionNotFound):
                self.loop.run(deciding)
            return
        standing = self.decisions.setdefault(version, decision)
        assert self.loop.run(deciding) == standing

    @rule(choice=st.integers(0, 99))
    def set_serving(self, choice: int) -> None:
        if not self.retained:
            return
        version = sorted(self.retained)[choice % len(self.retained)]
        digest = digest_of(artifact_of(self.retained[version]))
        serving = Serving(version=version, digest=digest)
        if self.decisions.get(version) != APPROVAL:
            with pytest.raises(NotApproved):
                self.loop.run(self.registry.set_serving(self.key, serving))
            return
        self.loop.run(self.registry.set_serving(self.key, serving))
        self.serving = version

    @rule(version=VERSIONS)
    def record_failure(self, version: Version) -> None:
        self.loop.run(self.registry.record_failure(self.key, version, FAILURE))
        self.failures.add(version)

    @rule(limit=LIMITS, protected=st.sets(VERSIONS, max_size=3))
    def retain(self, limit: int, protected: set[Version]) -> None:
        removed = self.loop.run(self.registry.retain(self.key, limit=limit, protected=protected))
        kept = protected | ({self.serving} if self.serving else set())
        assert removed == expired(list(self.retained), limit=limit, protected=kept)
        self._removed(removed)

    @rule()
    def purge(self) -> None:
        self.loop.run(self.registry.purge(self.key))
        self._forget()

    # What happens at once

    @rule(runs=st.lists(RUNS, min_size=2, max_size=6), limits=st.lists(LIMITS, max_size=2))
    def publish_and_retain_at_once(self, runs: list[int], limits: list[int]) -> None:
        retains = [self.registry.retain(self.key, limit=limit, protected=[]) for limit in limits]
        answers = self._at_once(*map(self._publish, runs), *retains)
        publications, removed = answers[: len(runs)], answers[len(runs) :]
        published = {version: run for run, (version, _) in zip(runs, publications, strict=True)}
        new = sorted(version for version in published if version > self.latest)
        assert new == list(range(self.latest + 1, self.latest + 1 + len(new)))
        assert len(new) == len(set(runs) - set(self.runs))
        for version in new:
            self._published(published[version], version)
        self._removed([version for versions in removed for version in versions])

    @rule(runs=st.lists(RUNS, min_size=1, max_size=4))
    def publish_and_purge_at_once(self, runs: list[int]) -> None:
        self._at_once(
            *map(self._publish, runs[:2]),
            self.registry.purge(self.key),
            *map(self._publish, runs[2:]),
        )
        stayed = self.loop.run(self._versions_of(set(runs)))
        self._forget()
        for run, version in sorted(stayed.items(), key=itemgetter(1)):
            self._published(run, version)
        assert list(self.retained) == list(range(1, self.latest + 1))

    # What holds at any time

    @invariant()
    def the_registry_holds_what_was_done(self) -> None:
        snapshot = self.loop.run(self.registry.snapshot(self.key))
        assert (snapshot.latest or 0) == self.latest
        assert snapshot.versions == tuple(sorted(self.retained))
        assert (snapshot.serving.version if snapshot.serving else None) == self.serving
        assert snapshot.decisions == self.decisions
        assert set(snapshot.failures) == self.failures
        assert (snapshot.last_run.run_id if snapshot.last_run else None) == (
            self.records[0] if self.records else None
        )
        runs = self.loop.run(self.registry.runs(self.key))
        assert [run.run_id for run in runs] == self.records

    @invariant()
    def every_retained_version_is_whole(self) -> None:
        for version, run in self.retained.items():
            manifest = self.loop.run(self.registry.manifest(self.key, version))
            assert (manifest.version, manifest.run_id) == (version, str(run))
            artifact = self.loop.run(self.registry.artifact(self.key, manifest.digest))
            assert artifact == artifact_of(run)

    @invariant()
    def there_is_no_key_that_nothing_needs(self) -> None:
        assert self.loop.run(registry_keys(self.client, self.key)) == {
            *({"version"} if self.latest else ()),
            *({"versions"} if self.retained else ()),
            *({"runs"} if self.records else ()),
            *({"serving"} if self.serving else ()),
            *({"decisions"} if self.decisions else ()),
            *({"failures"} if self.failures else ()),
            *(f"run:{run}" for run in self.runs),
            *(f"manifest:{version}" for version in self.retained),
            *(f"artifact:{digest_of(artifact_of(run))}" for run in self.retained.values()),
        }

    async def _publish(self, run: int) -> tuple[Version, bool]:
        artifact = artifact_of(run)
        body = manifest_body(self.key, artifact, str(run))
        publication = await self.registry.publish(self.key, body, artifact, started=NOW)
        return publication.version, publication.repeated

    def _at_once(self, *doing: Coroutine[Any, Any, Any]) -> list[Any]:
        """Do several things at once, while readers look all the time."""
        return self.loop.run(self._with_readers(doing))

    async def _with_readers(self, doing: tuple[Coroutine[Any, Any, Any], ...]) -> list[Any]:
        done = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(self._look_until(done))
            answers = await asyncio.gather(*doing)
            done.set()
        return answers

    async def _look_until(self, done: asyncio.Event) -> None:
        while not done.is_set():
            assert await registry_faults(self.client, self.key) == []

    async def _versions_of(self, runs: set[int]) -> dict[int, Version]:
        """Return what the registry remembers of the runs."""
        texts = {run: await self.client.get(ModelKeys(self.key).run(str(run))) for run in runs}
        return {run: Version(int(text)) for run, text in texts.items() if text is not None}

    def _published(self, run: int, version: Version) -> None:
        self.latest = version
        self.runs[run] = version
        self.retained[version] = run
        self.records.insert(0, str(run))

    def _removed(self, versions: list[Version]) -> None:
        for version in versions:
            self.retained.pop(version, None)
            self.decisions.pop(version, None)
        if versions:
            self.failures &= set(self.retained)

    def _forget(self) -> None:
        self.latest, self.serving = 0, None
        for known in (self.retained, self.runs, self.records, self.failures, self.decisions):
            known.clear()


@pytest.mark.parametrize("server", [False], ids=["alone"], indirect=True)
def test_the_registry_holds_what_a_plain_model_of_it_says(
    registry_settings: RegistrySettings,
) -> None:
    class Machine(RegistryMachine):
        def __init__(self) -> None:
            super().__init__(registry_settings)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=10,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
