"""Tables of models: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from perennial_cli.show.table import Table
from perennial_cli.show.texts import age, listed, shown
from perennial_cli.show.versions import versions_table
from perennial_cli.views import ModelDetails, ModelView, PodView


def models_table(models: Sequence[ModelView], *, everywhere: bool = False) -> Table:
    """Return all models as a table, a line each."""
    columns = ("NAME", "READY", "SERVING", "LATEST", "GATE", "STRATEGY", "AWAITING", "MESSAGE")
    rows = [
        (
            model.name,
            str(model.ready),
            _serving(model),
            shown(model.latest),
            shown(model.gate),
            _strategy(model),
            listed(model.awaiting_approval),
            shown(model.message),
        )
        for model in models
    ]
    if everywhere:
        named = [(model.namespace, *row) for model, row in zip(models, rows, strict=True)]
        return Table(("NAMESPACE", *columns), named)
    return Table(columns, rows)


def _serving(model: ModelView) -> str:
    pinned = " (pinned)" if model.serving and model.pinned_version == model.serving else ""
    return f"{shown(model.serving)}{pinned}"


def _strategy(model: ModelView) -> str:
    elsewhere = model.cluster_strategy
    if elsewhere in (None, model.strategy):
        return model.strategy
    return f"{model.strategy} (in a cluster {elsewhere})"


def details_tables(model: ModelDetails, now: datetime) -> list[Table]:
    """Return all that is known of one model."""
    return [
        models_table([model]),
        Table(
            ("CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"),
            [
                (
                    *(item.type, item.status, item.reason),
                    *(age(item.last_transition_time, now), shown(item.message)),
                )
                for item in model.conditions
            ],
        ),
        versions_table(model.versions, now, title="On their way"),
        _last_run(model, now),
        Table(
            rows=[(name, shown(value)) for name, value in (model.trial or {}).items()],
            title="On trial",
        ),
        Table(
            ("POD", "ROLE", "READY", "VERSION", "RESTARTS", "AGE"),
            [
                (
                    *(pod.name, pod.role, str(pod.ready), _version(pod)),
                    *(str(pod.restarts), age(pod.started, now)),
                )
                for pod in model.pods
            ],
        ),
    ]


def _version(pod: PodView) -> str:
    return "follows" if pod.follows and pod.version is None else shown(pod.version)


def _last_run(model: ModelDetails, now: datetime) -> Table:
    run = model.last_run
    if run is None:
        return Table()
    columns = ("LAST RUN", "OUTCOME", "AGE", "MESSAGE")
    row = (run.run_id, shown(run.outcome), age(run.ended, now), shown(run.message))
    return Table(columns, [row])
