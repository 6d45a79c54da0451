"""A query is read as a form of HTML sends it."""

from __future__ import annotations

from urllib.parse import parse_qsl

from hypothesis import example, given
from hypothesis import strategies as st

from perennial_predictor.query import query_pairs


@given(st.text(alphabet="ab1.-=&;?", max_size=30))
@example("")
@example("a")
@example("a=b=c&&=d&a=")
def test_what_needs_no_decoding_is_read_as_parse_qsl_reads_it(query: str) -> None:
    assert query_pairs(query.encode()) == parse_qsl(query, keep_blank_values=True)
