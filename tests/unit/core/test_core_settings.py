"""What is written into an environment is what the services read there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_core.errors import UserError
from perennial_core.settings import (
    PredictorSettings,
    RegistrySettings,
    Secret,
    Settings,
    SourceRegistrySettings,
    TrainerSettings,
    environment,
    environment_of,
    from_environment,
)

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
"""What an environment variable can hold."""
PATHS = TEXT.map(Path)
SECRETS = TEXT.map(Secret)
NUMBERS = st.integers(0, 2**40)
SECONDS = st.floats(0, 1e6)


REGISTRY = {
    "url": SECRETS,
    "password": SECRETS,
    "ca": TEXT,
    "max_artifact_bytes": st.integers(1, 2**29),
}
FIELDS: dict[type[Settings], dict[str, st.SearchStrategy[Any]]] = {
    RegistrySettings: REGISTRY,
    SourceRegistrySettings: REGISTRY,
    TrainerSettings: {
        "training_file": PATHS,
        "run_id": TEXT,
        "data_directory": PATHS,
        "credentials_directory": PATHS,
        "termination_log": PATHS,
        "allowed_modules": st.lists(TEXT),
        "trusted_types": st.lists(TEXT),
        "log_level": st.sampled_from(["DEBUG", "INFO", "WARNING"]),
    },
    PredictorSettings: {
        "bundle": PATHS,
        "model": TEXT.filter(bool),
        "version": NUMBERS,
        "digest": TEXT,
        "host": TEXT,
        "port": NUMBERS,
        "grpc_port": NUMBERS,
        "cache_directory": PATHS,
        "drain_seconds": SECONDS,
        "drain_min_seconds": SECONDS,
        "max_body_bytes": NUMBERS,
        "body_seconds": SECONDS,
        "max_instances": NUMBERS,
        "workers": st.integers(1, 2**40),
        "threads": NUMBERS,
        "shadow_url": st.just("http://points-shadow:5001"),
        "trusted_types": st.lists(TEXT),
        "log_level": st.sampled_from(["DEBUG", "INFO", "WARNING"]),
    },
}


def settings_of(kind: type[Settings]) -> st.SearchStrategy[Settings]:
    """Return settings in which any of the fields with a default may be set, and a model is."""
    required = kind.required({})
    return st.fixed_dictionaries(
        {name: values for name, values in FIELDS[kind].items() if name in required},
        optional={name: values for name, values in FIELDS[kind].items() if name not in required},
    ).map(lambda given: kind(**given))


@contextmanager
def written_for(*settings: Settings) -> Iterator[None]:
    written: dict[str, str] = {}
    for part in settings:
        written |= environment(part)
    with mock.patch.dict(os.environ, written, clear=True):
        yield


@given(settings_of(RegistrySettings), settings_of(TrainerSettings))
def test_a_trainer_reads_what_was_written_for_it(
    registry: RegistrySettings, trainer: TrainerSettings
) -> None:
    with written_for(registry, trainer):
        assert from_environment(RegistrySettings) == registry
        assert from_environment(TrainerSettings) == trainer


@given(settings_of(RegistrySettings), settings_of(PredictorSettings))
def test_a_predictor_reads_what_was_written_for_it(
    registry: RegistrySettings, predictor: PredictorSettings
) -> None:
    with written_for(registry, predictor):
        assert from_environment(RegistrySettings) == registry
        assert from_environment(PredictorSettings) == predictor


@given(settings_of(RegistrySettings))
def test_what_was_read_is_written_again(registry: RegistrySettings) -> None:
    with written_for(registry):
        assert environment(from_environment(RegistrySettings)) == environment(registry)


def test_only_what_was_set_is_written() -> None:
    assert environment(RegistrySettings()) == {}
    assert environment(RegistrySettings(password=None, max_artifact_bytes=7)) == {
        "PERENNIAL_REDIS_MAX_ARTIFACT_BYTES": "7"
    }
    assert environment(TrainerSettings(run_id="r", allowed_modules=["a", "b"])) == {
        "PERENNIAL_RUN_ID": "r",
        "PERENNIAL_ALLOWED_MODULES": '["a", "b"]',
    }


@pytest.mark.parametrize("kind", FIELDS)
def test_every_setting_is_in_these_tests(kind: type[Settings]) -> None:
    assert set(FIELDS[kind]) == set(kind.__struct_fields__)


def test_secrets_do_not_show() -> None:
    settings = RegistrySettings.of({"url": "redis://:hidden@host", "password": "hidden"})
    assert "hidden" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("redis://far/0", "far:6379"),
        ("rediss://alice:red-apple@far.example:6380/1", "far.example:6380"),
        ("redis://:p%2Fw@127.0.0.1", "127.0.0.1:6379"),
    ],
)
def test_a_registry_is_named_without_its_secrets(url: str, host: str) -> None:
    assert RegistrySettings(url=Secret(url)).host == host


def test_the_registry_of_a_source_is_never_assumed() -> None:
    expected = r"^PERENNIAL_SOURCE_REDIS_URL: this field is required"
    with mock.patch.dict(os.environ, clear=True), pytest.raises(UserError, match=expected):
        from_environment(SourceRegistrySettings)


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("PERENNIAL_PORT", "many", "must be a whole number, not 'many'"),
        ("PERENNIAL_PORT", "5001.5", "must be a whole number, not '5001.5'"),
        ("PERENNIAL_WORKERS", "0", "must be at least 1, not '0'"),
        ("PERENNIAL_BODY_SECONDS", "soon", "must be a number, not 'soon'"),
        (
            "PERENNIAL_LOG_LEVEL",
            "loud",
            "must be 'DEBUG', 'INFO', 'WARNING', 'ERROR' or 'CRITICAL'",
        ),
        ("PERENNIAL_TRUSTED_TYPES", '["a", 1]', "is no list; write"),
        ("PERENNIAL_SHADOW_URL", "shadow:5001", "'shadow:5001' is not scheme, host and port such"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(variable: str, text: str, problem: str) -> None:
    given = {"PERENNIAL_MODEL": "a/b", variable: text}
    with mock.patch.dict(os.environ, given, clear=True), pytest.raises(UserError) as refused:
        from_environment(PredictorSettings)
    assert str(refused.value).startswith(f"{variable}: ")
    assert problem in str(refused.value)


def test_all_that_is_wrong_is_said_in_the_order_of_the_fields() -> None:
    given = {"PERENNIAL_THREADS": "x", "PERENNIAL_PORT": "y"}
    expected = "PERENNIAL_MODEL: this .*; PERENNIAL_PORT: must .*; PERENNIAL_THREADS: must"
    with mock.patch.dict(os.environ, given, clear=True), pytest.raises(UserError, match=expected):
        from_environment(PredictorSettings)


def test_what_is_told_to_another_release_is_told_whatever_the_default_here() -> None:
    told = environment_of(PredictorSettings, port=PredictorSettings(model="a/b").port, digest=None)
    assert told == {"PERENNIAL_PORT": "5001"}
