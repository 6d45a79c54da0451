"""Stored records are read back as they were written, by this release and by others."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from builders import manifest_body
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from perennial_core.identity import Digest, ModelKey, Version
from perennial_core.manifest import Manifest, ManifestBody, Parity, Record
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
    text = record.model_dump_json(by_alias=True, exclude_none=True).encode()
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
        "metrics": {"candidate": candidate, "incumbent": incumbent},
        "classes": classes,
        "parity": {"error": error, "tolerance": 1e-6, "precision": "float32"},
        "estimator": {"class": "a.B", "params": params},
    }
    changed = ManifestBody.model_validate(body.model_dump() | changes)
    manifest = changed.numbered(version)
    again = read(Manifest, manifest.to_bytes(), "key")
    assert again.metrics.candidate == candidate
    assert again.classes == classes
    assert [type(label) for label in again.classes or []] == [type(c) for c in classes or []]
    # a record's own fields without a value are left out; whatever else has one stays
    assert again.model_copy(update={"estimator": manifest.estimator, "metrics": None}) == (
        manifest.model_copy(update={"metrics": None})
    )


def test_a_parameter_that_is_null_stays_in_the_manifest() -> None:
    body = manifest_body(ModelKey("tests", "records"), b"artifact")
    estimator = {"class": "a.B", "params": {"max_depth": None}}
    manifest = body.model_copy(update={"estimator": estimator}).numbered(Version(1))
    assert read(Manifest, manifest.to_bytes(), "key").estimator == estimator


def test_a_manifest_is_written_in_camel_case_and_says_its_schema() -> None:
    body = manifest_body(ModelKey("tests", "records"), b"artifact")
    written = json.loads(body.numbered(Version(3)).to_bytes())
    assert (written["schemaVersion"], written["version"], written["runId"]) == (1, 3, "run")
    assert written["trainingSpecHash"] == "h"


def test_fields_of_a_newer_release_are_passed_over() -> None:
    manifest = manifest_body(ModelKey("tests", "records"), b"artifact").numbered(Version(1))
    newer = json.loads(manifest.to_bytes()) | {"gate": {"passed": True}}
    assert read(Manifest, json.dumps(newer).encode(), "key") == manifest


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "resource: Invalid JSON"),
        (b"\xff", "resource: Invalid JSON"),
        (b'{"version": 1}', "digest: this field is required"),
        (b'{"version": "one", "digest": "d"}', "version: must be a whole number"),
    ],
)
def test_what_cannot_be_read_is_refused_with_key_and_field(text: bytes, problem: str) -> None:
    with pytest.raises(RegistryRefused) as refused:
        read(Serving, text, "perennial:{a/b}:serving")
    assert str(refused.value).startswith("Redis key perennial:{a/b}:serving: written by another")
    assert problem in str(refused.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_hold_is_refused_before_it_is_published(number: float) -> None:
    with pytest.raises(ValidationError):
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
