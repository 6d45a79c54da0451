"""What a version is worth, why it waits and where it answers, in a few words."""

from __future__ import annotations

from perennial_core.decisions import Ruling, State
from perennial_core.gate import Outcome
from perennial_core.identity import Version
from perennial_core.manifest import ArtifactFormat, ColumnType, Manifest


def origin_text(manifest: Manifest) -> str:
    """Return where a new version comes from."""
    if manifest.promoted_from is None:
        return f"trained version {manifest.version}"
    return f"took over version {manifest.version}, which is {manifest.promoted_from}"


def score_text(manifest: Manifest) -> str:
    """Return the first score of a version on its holdout, beside that of the one before it."""
    metrics, rows = manifest.metrics, manifest.rows
    name, score = next(iter(metrics.candidate.items()), ("score", None))
    text = f"{name} {_number(score)}"
    if metrics.incumbent is not None and name in metrics.incumbent:
        before = _number(metrics.incumbent[name])
        text += f", version {metrics.incumbent_version} has {before} on the same rows"
    return f"{text}; {rows.training} rows, {rows.holdout} held out"


def format_text(manifest: Manifest) -> str | None:
    """Return that a version is no ONNX, and why; None for one that is."""
    if manifest.format is ArtifactFormat.ONNX:
        return None
    text = f"version {manifest.version} runs on scikit-learn itself ({manifest.format})"
    why = f"; {manifest.format_reason}" if manifest.format_reason else ""
    return f"{text}, which is slower than ONNX{why}"


def ruling_text(
    version: Version, ruling: Ruling, incumbent: Version | None, approve: str
) -> str | None:
    """Return why a version may not serve, or not yet; None for one that may or might have.

    Args:
        version: The version.
        ruling: What is to be said of it.
        incumbent: The version that serves.
        approve: The command line that lets the version serve.
    """
    if ruling.state is State.REJECTED:
        text, then = f"version {version} is rejected: {ruling.message}", ""
    elif ruling.state is State.AWAITING_APPROVAL:
        text = f"version {version} awaits approval{_why_it_waits(ruling)}"
        then = f"; to let version {version} serve: {approve}"
    else:
        return None
    serving = f"version {incumbent} goes on serving" if incumbent else "none serves yet"
    return f"{text}; {serving}{then}"


def _why_it_waits(ruling: Ruling) -> str:
    if ruling.verdict.outcome is not Outcome.PASSED:
        return f": {ruling.message}"
    manual = ", as spec.rollout.approval says"
    return f"{manual}: {ruling.message}" if ruling.verdict.checks else manual


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"


def address(manifest: Manifest, port: int) -> str:
    """Return a URL that shows the version at work: a prediction where one number is enough."""
    numeric = manifest.inputs[0].type is not ColumnType.STRING
    path = "?msg=100" if len(manifest.inputs) == 1 and numeric else "docs"
    return f"http://127.0.0.1:{port}/{path}"
