"""The caches of models and of what they own."""

from __future__ import annotations

from typing import Any

import pytest
from operator_models import Body, model_body

from perennial_core.identity import ModelKey
from perennial_operator.cache import Cache
from perennial_operator.kinds import DEPLOYMENT, JOB, MODEL_LABEL, SERVICE, Kind, ObjectRef

KEY = ModelKey("shop", "points")
REF = ObjectRef("Deployment", "shop", "points")


def model(version: int, **content: Any) -> Body:
    return {**model_body(resourceVersion=str(version)), **content}


def owned(version: int, kind: Kind = DEPLOYMENT, name: str = "points", **content: Any) -> Body:
    metadata = {
        "name": name,
        "namespace": "shop",
        "resourceVersion": str(version),
        "labels": {MODEL_LABEL: "points"},
    }
    return {"kind": kind.name, "metadata": metadata, **content}


@pytest.mark.parametrize(("second", "stays"), [(9, "first"), (10, "second"), (11, "second")])
def test_an_older_state_never_replaces_a_newer_one(second: int, stays: str) -> None:
    cache = Cache()
    cache.put_model(model(10, mark="first"))
    cache.put_model(model(second, mark="second"))
    cache.put_owned(owned(10, mark="first"))
    cache.put_owned(owned(second, mark="second"))

    assert (cache.model(KEY) or {})["mark"] == stays
    assert (cache.owned(KEY, REF) or {})["mark"] == stays


def test_versions_are_compared_as_numbers() -> None:
    cache = Cache()
    cache.put_model(model(9, mark="older"))
    cache.put_model(model(10, mark="newer"))

    assert (cache.model(KEY) or {})["mark"] == "newer"


def test_what_is_removed_is_gone_and_names_its_model() -> None:
    cache = Cache()
    cache.put_model(model(1))
    cache.put_owned(owned(1))

    assert cache.remove_owned(owned(2)) == KEY
    assert cache.remove_model(model(2)) == KEY
    assert (cache.model(KEY), cache.owned(KEY, REF), cache.models()) == (None, None, [])


def test_a_late_removal_does_not_take_what_came_after() -> None:
    cache = Cache()
    cache.put_model(model(20))
    cache.put_owned(owned(20))

    cache.remove_model(model(19))
    cache.remove_owned(owned(19))

    assert cache.models() == [KEY]
    assert cache.owned(KEY, REF) is not None


def test_a_list_takes_over_and_what_it_lacks_is_forgotten() -> None:
    cache = Cache()
    cache.put_model(model(5))
    cache.put_owned(owned(5))
    cache.put_owned(owned(5, SERVICE))

    cache.keep_only_models([], as_of=6)
    cache.keep_only_owned("Deployment", [], as_of=6)

    assert cache.models() == []
    assert cache.owned(KEY, REF) is None
    assert len(cache.owned_of_kind(KEY, "Service")) == 1, "the list was of another kind"


def test_a_list_does_not_take_what_was_made_after_it() -> None:
    cache = Cache()
    cache.put_model(model(7))
    cache.put_owned(owned(7))

    cache.keep_only_models([], as_of=6)
    cache.keep_only_owned("Deployment", [], as_of=6)

    assert cache.models() == [KEY]
    assert cache.owned(KEY, REF) is not None


def test_a_list_brings_what_was_missed() -> None:
    cache = Cache()

    cache.keep_only_models([model(3)], as_of=6)
    cache.keep_only_owned("Deployment", [owned(3)], as_of=6)

    assert cache.models() == [KEY]
    assert cache.owned(KEY, REF) is not None


@pytest.mark.parametrize(("namespace", "left"), [("other", 1), ("shop", 0), (None, 0)])
def test_a_list_of_one_namespace_says_nothing_of_others(namespace: str | None, left: int) -> None:
    cache = Cache()
    cache.put_model(model(5))
    cache.put_owned(owned(5))

    cache.keep_only_models([], 6, namespace)
    cache.keep_only_owned("Deployment", [], 6, namespace)

    assert len(cache.models()) == left
    assert len(cache.owned_of_kind(KEY, "Deployment")) == left


def test_an_object_that_names_no_model_is_nobodys() -> None:
    body = owned(1)
    del body["metadata"]["labels"]
    cache = Cache()

    assert cache.put_owned(body) is None
    assert cache.remove_owned(body) is None
    assert cache.owned_of_kind(KEY, "Deployment") == []


def test_what_nobody_reads_is_not_kept() -> None:
    cache = Cache()
    job = owned(1, JOB, spec={"template": {}}, status={"active": 1})
    job["metadata"]["managedFields"] = [{"manager": "somebody"}]
    cache.put_owned(job)

    (kept,) = cache.owned_of_kind(KEY, "Job")
    assert "spec" not in kept
    assert "managedFields" not in kept["metadata"]
    assert kept["status"] == {"active": 1}


def taker(name: str, version: int, source: str | None, **fields: str) -> Body:
    """Return a model that takes versions over, or none any more."""
    origin = {"namespace": "shop", "name": source, **fields}
    spec = {"promotion": {"from": origin} if source else {}}
    return model_body(spec, name=name, resourceVersion=str(version))


def test_what_happens_to_a_source_concerns_those_that_take_from_it() -> None:
    cache = Cache()
    cache.put_model(model(1))
    for body in (
        taker("two", 1, "points"),
        taker("one", 1, "points"),
        taker("far", 1, "points", registrySecret="far"),
        taker("other", 1, "two"),
    ):
        cache.put_model(body)
    one, two = ModelKey("shop", "one"), ModelKey("shop", "two")

    assert cache.concerned(KEY) == [KEY, one, two]
    assert cache.concerned(two) == [two, ModelKey("shop", "other")]
    cache.remove_model(model(2))
    cache.put_model(taker("one", 2, None))
    assert cache.concerned(KEY) == [two]
    cache.put_model(taker("two", 2, "one"))
    assert cache.concerned(KEY) == []
    assert cache.concerned(one) == [one, two]
    cache.remove_model(taker("two", 3, "one"))
    assert cache.concerned(one) == [one]
