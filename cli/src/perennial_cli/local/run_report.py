"""What a version is worth and where it answers, in a few words."""

from __future__ import annotations

from perennial_core.manifest import ColumnType, Manifest


def score_text(manifest: Manifest) -> str:
    """Return the scores of a version on its holdout, beside those of the one before it."""
    before = manifest.metrics.incumbent or {}
    scores = []
    for name, value in manifest.metrics.candidate.items():
        text = f"{name} {_number(value)}"
        if name in before:
            text += f" (version {manifest.metrics.incumbent_version}: {_number(before[name])})"
        scores.append(text)
    rows = manifest.rows
    return f"{', '.join(scores)}; {rows.training} rows, {rows.holdout} held out"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"


def address(manifest: Manifest, port: int) -> str:
    """Return a URL that shows the version at work: a prediction where one number is enough."""
    numeric = manifest.inputs[0].type is not ColumnType.STRING
    path = "?msg=100" if len(manifest.inputs) == 1 and numeric else "docs"
    return f"http://127.0.0.1:{port}/{path}"
