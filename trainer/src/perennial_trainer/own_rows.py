"""Measures what is taken over on rows of the target's own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from perennial_core.artifact import LoadedModel
from perennial_core.artifact.examples import ask_examples
from perennial_core.manifest import Manifest, Rows, Signature, Task
from perennial_core.promotion import Evidence
from perennial_core.resource import DataSpec
from perennial_core.resource.gate import GateSpec
from perennial_core.settings import TrainerSettings
from perennial_trainer.data.dataset import Dataset, build_dataset
from perennial_trainer.data.fingerprint import fingerprint
from perennial_trainer.data.holdout import Part, divide
from perennial_trainer.data.reading import read_rows
from perennial_trainer.drift import distributions, drift_since
from perennial_trainer.failure import DataError
from perennial_trainer.incumbent import Incumbent, with_incumbent
from perennial_trainer.measuring import NotMeasurable, measured
from perennial_trainer.metrics import metric_names
from perennial_trainer.scorers import check_classes
from perennial_trainer.serialization.parity import ask


@dataclass(frozen=True)
class OwnRows:
    """The rows that ``spec.promotion.from.data`` names."""

    dataset: Dataset
    fingerprint: str


def read_own_rows(data: DataSpec, manifest: Manifest, settings: TrainerSettings) -> OwnRows:
    """Read the rows, and hold them against their checks.

    Where the spec lists no features, they are the columns that the model takes.

    Args:
        data: ``spec.promotion.from.data``.
        manifest: Of the version that is measured.
        settings: Where mounts are.

    Raises:
        DataError: Files or columns are missing or damaged, do not pass the checks, or are not such
            as the model takes.
        Outage: A server or disk does not answer.
    """
    rows = read_rows(data, settings)
    needed = tuple(column.name for column in manifest.inputs)
    gone = [name for name in needed if name not in rows.features]
    if gone:
        raise DataError(
            f"{rows.name}: spec.promotion.from.data has no feature {', '.join(map(repr, gone))},"
            f" which version {manifest.version} of {manifest.model} takes"
        )
    if data.features is None:
        rows = replace(rows, features=needed).with_wanted_columns()
    dataset = build_dataset(rows, manifest.task)
    _check_target(dataset, manifest)
    return OwnRows(dataset, fingerprint(dataset))


def _check_target(dataset: Dataset, manifest: Manifest) -> None:
    found, known = dataset.target.column, manifest.outputs[0]
    if found.type is not known.type:
        raise DataError(
            f"{dataset.name}: the target column {found.name!r} holds {found.type}; version"
            f" {manifest.version} of {manifest.model} predicts {known.type}"
        )


def evidence_on(
    rows: OwnRows,
    data: DataSpec,
    gate: GateSpec,
    manifest: Manifest,
    model: LoadedModel,
    incumbent: Incumbent | None,
) -> Evidence:
    """Return the evidence of a version on the target's own holdout, beside what serves here.

    Args:
        rows: All rows.
        data: Where they are from, and which of them are the holdout.
        gate: Which evidence is asked for.
        manifest: Of the version.
        model: The version, loaded.
        incumbent: What serves here.

    Raises:
        DataError: The version cannot predict for these rows, or these are too few.
        SpecError: A metric of the gate does not suit it.
    """
    holdout = divide(rows.dataset, data.holdout, manifest.task).holdout
    signature = _of_rows(rows.dataset, manifest)
    candidate = _scores(rows.dataset, gate, manifest, model, holdout, signature)
    drift = None
    if incumbent is not None:
        found = distributions(rows.dataset.features, rows.dataset.inputs)
        drift = drift_since(incumbent.version, incumbent.manifest, found)
    return Evidence(
        metrics=with_incumbent(candidate, incumbent, holdout, signature),
        drift=drift,
        examples=ask_examples(model, gate.examples),
        rows=Rows(training=manifest.rows.training, holdout=len(holdout)),
        data_fingerprint=rows.fingerprint,
    )


def _of_rows(dataset: Dataset, manifest: Manifest) -> Signature:
    """Return what the rows are for a model that predicts what this one does."""
    return Signature(**manifest.fields(Signature) | {"inputs": list(dataset.inputs)})


def _scores(
    dataset: Dataset,
    gate: GateSpec,
    manifest: Manifest,
    model: LoadedModel,
    holdout: Part,
    signature: Signature,
) -> dict[str, float | None]:
    try:
        found = measured(metric_names(manifest.task, gate), model, holdout, signature)
    except NotMeasurable as error:
        raise DataError(
            f"{dataset.name}: version {manifest.version} of {manifest.model} cannot be measured on"
            f" it: {error}"
        ) from error
    if manifest.task is Task.CLASSIFICATION and manifest.classes is not None:
        one = ask(model, holdout.features[[column.name for column in manifest.inputs]].iloc[:1])
        gives = one.probabilities is not None
        check_classes(gate, manifest.classes, gives_probabilities=gives)
    return found
