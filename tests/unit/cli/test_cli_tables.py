"""Tables of models and versions, for people."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from perennial_cli.show.models import details_tables, models_table
from perennial_cli.show.table import Table, aligned, print_tables
from perennial_cli.show.texts import age, harmless, in_a_line, shown
from perennial_cli.show.versions import version_tables, versions_table
from perennial_cli.views import (
    ConditionView,
    GateView,
    ModelDetails,
    ModelView,
    PodView,
    VersionDetails,
    VersionView,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def version(number: int = 3, **fields: Any) -> VersionDetails:
    given = {"namespace": "shop", "model": "points", "version": number, "state": "Serving"}
    return VersionDetails.model_validate(given | fields)


def model(**fields: Any) -> ModelDetails:
    given = {"namespace": "shop", "name": "points", "strategy": "RollingUpdate"}
    return ModelDetails.model_validate(given | fields)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0s"), (90, "90s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (200_000, "2d")],
)
def test_ages_have_one_unit_and_at_least_two_of_it(seconds: int, expected: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == expected


def test_a_clock_that_is_behind_makes_no_negative_age() -> None:
    assert age(NOW + timedelta(seconds=5), NOW) == "0s"
    assert age(None, NOW) == "-"


def test_values_are_shown_plainly() -> None:
    values: tuple[Any, ...] = (None, "", {}, "text", 0.123456789, 7, True, {"a": [1]})
    assert [shown(value) for value in values] == [
        *("-", "-", "-", "text", "0.123457", "7", "true", '{"a": [1]}'),
    ]


def test_what_people_write_moves_no_cursor_and_breaks_no_line() -> None:
    assert in_a_line("one\ntwo \x1b[31mred\x07") == "one two \\x1b[31mred\\x07"
    assert harmless("one\ntwo\r\x9b2J") == "one\ntwo\\r\\x9b2J"
    cells = [["1", "denied by bob: a\nb\x1b[2J"], ["2", "-"]]
    assert aligned(Table(("VERSION", "MESSAGE"), cells)).splitlines()[1:] == [
        "1         denied by bob: a b\\x1b[2J",
        "2         -",
    ]


def test_a_line_for_each_model() -> None:
    table = models_table(
        [
            model(ready=True, serving=3, latest=4, gate="AwaitingApproval", awaiting_approval=[4]),
            model(name="prices", message="no version is published yet"),
        ],
        everywhere=True,
    )
    assert aligned(table).splitlines() == [
        "NAMESPACE   NAME     READY   SERVING   LATEST   GATE               STRATEGY        "
        "AWAITING   MESSAGE",
        "shop        points   True    3         4        AwaitingApproval   RollingUpdate   "
        "4          -",
        "shop        prices   False   -         -        -                  RollingUpdate   "
        "-          no version is published yet",
    ]


def test_a_pinned_version_that_serves_says_so() -> None:
    assert models_table([model(serving=3, pinned_version=3)]).rows[0][2] == "3 (pinned)"
    assert models_table([model(serving=3, pinned_version=2)]).rows[0][2] == "3"


def test_a_model_on_this_machine_says_that_only_a_cluster_heeds_the_strategy() -> None:
    def strategy(**fields: Any) -> str:
        return models_table([model(**fields)]).rows[0][5]

    here = strategy(strategy="HotSwap", cluster_strategy="Canary")
    assert here == "HotSwap (in a cluster Canary)"
    assert strategy(strategy="HotSwap", cluster_strategy="HotSwap") == "HotSwap"
    assert strategy(strategy="Canary") == "Canary"


def test_the_history_of_a_model() -> None:
    view = VersionView.model_validate(
        {
            **{"namespace": "shop", "model": "points", "version": 3, "state": "Serving"},
            **{"score": "r2 0.95", "decidedBy": "alice", "message": "it serves"},
            "created": NOW - timedelta(hours=3),
        }
    )
    assert aligned(versions_table([view], NOW)).splitlines() == [
        "VERSION   STATE     SCORE     DECIDED BY   AGE   MESSAGE",
        "3         Serving   r2 0.95   alice        3h    it serves",
    ]


def test_all_of_a_model_has_a_table_for_each_part() -> None:
    tables = details_tables(
        model(
            conditions=[ConditionView(type="Ready", status="True", reason="Serving")],
            versions=[version(4, state="AwaitingApproval")],
            last_run={"runId": "r1", "outcome": "Published", "ended": NOW},
            trial={"step": 1},
            pods=[PodView(name="points-1", ready=True, version=3)],
        ),
        NOW,
    )
    headings = [table.columns[0] if table.columns else table.title for table in tables]
    assert headings == ["NAME", "CONDITION", "VERSION", "LAST RUN", "On trial", "POD"]
    assert all(table.rows for table in tables)


def test_pods_on_trial_and_pods_that_follow_the_registry_say_so() -> None:
    pods = [
        PodView(name="points-1", ready=True, version=3),
        PodView(name="points-canary-1", role="canary", ready=True, version=4),
        PodView(name="points-2", ready=True, follows=True, version=3),
        PodView(name="points-3", ready=False, follows=True),
    ]
    table = details_tables(model(pods=pods), NOW)[-1]
    assert [row[1:4] for row in table.rows] == [
        ("predictor", "True", "3"),
        ("canary", "True", "4"),
        ("predictor", "True", "3"),
        ("predictor", "False", "follows"),
    ]


def test_the_scores_of_a_version_stand_beside_those_of_the_one_that_served() -> None:
    gate = GateView.model_validate({"outcome": "Passed", "checks": []})
    scores: dict[str, Any] = {
        "metrics": {"r2": "0.9"},
        "incumbentMetrics": {"r2": "0.8", "max_error": "-1"},
    }
    facts, metrics, checks = version_tables(version(incumbent_version=2, gate=gate, **scores), NOW)
    assert ("state", "Serving") in facts.rows
    assert metrics.columns == ("METRIC", "SCORE", "VERSION 2")
    assert metrics.rows == [("r2", "0.9", "0.8"), ("max_error", "-", "-1")]
    assert checks.rows == []


def test_in_a_pipe_nothing_is_cut_or_coloured() -> None:
    printed = io.StringIO()
    long = "word " * 100 + "end"
    console = Console(file=printed, width=40)
    print_tables([Table(("STATE", "WHY"), [("Failed", long)]), Table(("EMPTY",))], console)
    assert printed.getvalue().splitlines() == ["STATE    WHY", f"Failed   {long}"]


def test_on_a_terminal_states_have_colours() -> None:
    printed = io.StringIO()
    console = Console(file=printed, force_terminal=True, color_system="standard", width=40)
    print_tables([Table(("STATE",), [("Serving",)])], console)
    assert "\x1b[32mServing" in printed.getvalue()


def test_programs_get_the_names_of_the_resources() -> None:
    view: ModelView = model(pinned_version=2, awaiting_approval=[4], serving=2)
    document = view.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert (document["pinnedVersion"], document["awaitingApproval"]) == (2, [4])
