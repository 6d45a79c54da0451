"""Stored records are read back as they were written, by this release and by others."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from builders import manifest_body
from hypothesis import given
from hypothesis import strategies as st

from perennial_core.identity import Digest, ModelKey, Version
from perennial_core.manifest import Manifest, Metrics, Parity
from perennial_core.record import Record
from perennial_core.registry import (
    Event,
    EventKind,
    Failure,
    RegistryRefused,
    Run,
    RunOutcome,
    Serving,
)
from perennial_core.registry.records import read

TIMES = st.datetimes(
    datetime(2000, 1, 1),
    datetime(2100, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VERSIONS = st.integers(1, 2**40).map(Version)
SCORES = st.dictionaries(TEXT, st.none() | st.floats(allow_nan=False, allow_infinity=False))

FAILURES = st.builds(Failure, reason=TEXT, message=TEXT, at=TIMES, generation=st.integers(0, 99))
SERVINGS = st.builds(Serving, version=VERSIONS, digest=TEXT.map(Digest))
RUNS = st.builds(
    Run,
    run_id=TEXT,
    outcome=st.sampled_from(RunOutcome),
    started=TIMES,
    ended=TIMES,
    message=TEXT,
    version=st.none() | VERSIONS,
    retryable=st.booleans(),
    training_spec_hash=st.none() | TEXT,
    data_fingerprint=st.none() | TEXT,
)


@given(FAILURES | SERVINGS | RUNS)
def test_a_record_is_read_back(record: Record) -> None:
    text = record.to_bytes()
    assert read(type(record), text, "key") == record


@given(
    version=VERSIONS,
    created=TIMES,
    candidate=SCORES,
    incumbent=st.none() | SCORES,
    classes=st.none() | st.lists(st.booleans() | st.integers() | TEXT),
    error=st.floats(0, 1e9),
    params=st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT),
)
def test_a_manifest_is_read_back(
    version: Version,
    created: datetime,
    candidate: dict[str, float | None],
    incumbent: dict[str, float | None] | None,
    classes: list[Any] | None,
    error: float,
    params: dict[str, Any],
) -> None:
    body = manifest_body(ModelKey("tests", "records"), b"artifact")
    changes: dict[str, Any] = {
        "created": created,
        "metrics": Metrics(candidate=candidate, incumbent=incumbent),
        "classes": classes,
        "parity": Parity(error=error, tolerance=1e-6, precision="float32"),
        "estimator": {"class": "a.B", "params": params},
    }
    manifest = body.changed(**changes).numbered(version)
    again = read(Manifest, manifest.to_bytes(), "key")
    assert again.metrics.candidate == candidate
    assert again.classes == classes
    assert [type(label) for label in again.classes or []] == [type(c) for c in classes or []]
    # a record's own fields without a value are left out; whatever else has one stays
    assert again.changed(estimator=manifest.estimator, metrics=None) == (
        manifest.changed(metrics=None)
    )


def test_a_parameter_that_is_null_stays_in_the_manifest() -> None:
    body = manifest_body(ModelKey("tests", "records"), b"artifact")
    estimator = {"class": "a.B", "params": {"max_depth": None}}
    manifest = body.changed(estimator=estimator).numbered(Version(1))
    assert read(Manifest, manifest.to_bytes(), "key").estimator == estimator


def test_a_manifest_is_written_in_camel_case_and_says_its_schema() -> None:
    body = manifest_body(ModelKey("tests", "records"), b"artifact")
    written = json.loads(body.numbered(Version(3)).to_bytes())
    assert (written["schemaVersion"], written["version"], written["runId"]) == (1, 3, "run")
    assert written["trainingSpecHash"] == "h"


def test_a_scalar_of_numpy_is_stored_as_one_of_python() -> None:
    given: dict[str, Any] = {"r2": np.float64(0.1), "max_error": None}
    metrics = Metrics(candidate=given, incumbent={"r2": np.float32(0.5)})  # type: ignore[dict-item]
    read_again = read(Metrics, metrics.to_bytes(), "key")
    assert read_again == Metrics(candidate={"r2": 0.1, "max_error": None}, incumbent={"r2": 0.5})


def test_fields_of_a_newer_release_are_passed_over() -> None:
    manifest = manifest_body(ModelKey("tests", "records"), b"artifact").numbered(Version(1))
    newer = json.loads(manifest.to_bytes()) | {"gate": {"passed": True}}
    assert read(Manifest, json.dumps(newer).encode(), "key") == manifest


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "Input data was truncated"),
        (b"\xff", "JSON is malformed"),
        (b'{"version": 1}', "Object missing required field `digest`"),
        (b'{"version": "one", "digest": "d"}', "version: Expected `int`, got `str`"),
    ],
)
def test_what_cannot_be_read_is_refused_with_key_and_field(text: bytes, problem: str) -> None:
    with pytest.raises(RegistryRefused) as refused:
        read(Serving, text, "perennial:{a/b}:serving")
    assert str(refused.value).startswith("Redis key perennial:{a/b}:serving: written by another")
    assert problem in str(refused.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_hold_is_refused_before_it_is_published(number: float) -> None:
    with pytest.raises(ValueError, match="error: not a finite number"):
        Parity(error=number, tolerance=1e-6, precision="float64")


@given(
    st.builds(
        Event,
        model=st.just(ModelKey("tests", "points")),
        kind=st.sampled_from(EventKind),
        version=st.none() | VERSIONS,
    )
)
def test_an_event_is_read_back(event: Event) -> None:
    fields = {name.encode(): text.encode() for name, text in event.to_fields().items()}
    assert Event.from_fields(fields) == event


@given(st.dictionaries(st.sampled_from([b"model", b"kind", b"version"]), st.binary(max_size=12)))
def test_no_entry_of_the_stream_is_an_error(fields: dict[bytes, bytes]) -> None:
    assert Event.from_fields(fields) is None
