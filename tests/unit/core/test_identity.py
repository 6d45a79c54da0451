"""Names of models and artifacts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_core.errors import UserError
from perennial_core.identity import NAME_PATTERN, NAMESPACE_PATTERN, ModelKey, digest_of
from perennial_core.registry.keys import ModelKeys
from perennial_core.resource.crd import PREDICTION_MODEL, custom_resource_definition

SCHEMA = custom_resource_definition(PREDICTION_MODEL)["spec"]["versions"][0]["schema"][
    "openAPIV3Schema"
]
RULES = " ".join(rule["rule"] for rule in SCHEMA["x-kubernetes-validations"])
(CRD_PATTERN,) = re.findall(r"metadata\.name\.matches\('(.*?)'\)", RULES)
CRD_LENGTH = int(re.findall(r"metadata\.name\.size\(\) <= (\d+)", RULES)[0])

NAMES = st.from_regex(NAME_PATTERN, fullmatch=True)
NAMESPACES = st.from_regex(NAMESPACE_PATTERN, fullmatch=True)


@given(NAMESPACES, NAMES)
def test_a_key_is_read_back_from_its_text(namespace: str, name: str) -> None:
    key = ModelKey(namespace, name)
    assert ModelKey.parse(str(key)) == key


@pytest.mark.parametrize(
    "text",
    [
        *("", "points", "/", "tests/", "/points", "a/b/c", "tests/Points", "tests/1points"),
        *("tests/a_b", "tests/a.b", "tests/-a", "tests/a-", "tests/a*", "tests/a}", "Tests/a"),
        *("tests/a\n", " a/b", "tests /a", "tests/ä", "tests/" + "a" * 53, "n" * 64 + "/a"),
    ],
)
def test_what_is_no_key_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"model {text!r}: expected namespace/name")):
        ModelKey.parse(text)


@given(NAMES | st.text(max_size=60))
def test_a_name_is_taken_exactly_when_the_api_server_takes_it(name: str) -> None:
    taken = bool(re.fullmatch(CRD_PATTERN, name)) and len(name) <= CRD_LENGTH
    assert taken == bool(re.fullmatch(NAME_PATTERN, name))


def test_digests_name_their_algorithm() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest_of(b"") == f"sha256:{empty}"


@given(NAMESPACES, NAMES, st.text(min_size=1))
def test_all_keys_of_a_model_have_one_hash_tag(namespace: str, name: str, run: str) -> None:
    keys = ModelKeys(ModelKey(namespace, name))
    for key in (keys.version, keys.versions, keys.serving, keys.runs, keys.failures, keys.run(run)):
        tag = key[key.index("{") + 1 : key.index("}")]  # as Redis reads it
        assert tag == f"{namespace}/{name}"
