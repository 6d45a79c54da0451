"""What a version is worth and where it answers, in a few words."""

from __future__ import annotations

from perennial_core.manifest import ColumnType, Manifest


def score_text(manifest: Manifest) -> str:
    """Return the first score of a version on its holdout, beside that of the one before it."""
    metrics, rows = manifest.metrics, manifest.rows
    name, score = next(iter(metrics.candidate.items()), ("score", None))
    text = f"{name} {_number(score)}"
    if metrics.incumbent is not None and name in metrics.incumbent:
        before = _number(metrics.incumbent[name])
        text += f" (version {metrics.incumbent_version}: {before})"
    return f"{text}; {rows.training} rows, {rows.holdout} held out"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"


def address(manifest: Manifest, port: int) -> str:
    """Return a URL that shows the version at work: a prediction where one number is enough."""
    numeric = manifest.inputs[0].type is not ColumnType.STRING
    path = "?msg=100" if len(manifest.inputs) == 1 and numeric else "docs"
    return f"http://127.0.0.1:{port}/{path}"
