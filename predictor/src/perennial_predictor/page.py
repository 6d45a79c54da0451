"""The page that a browser gets: a form with a field for each feature, and the result."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from perennial_core.manifest import Column, ColumnType, Manifest
from perennial_predictor.http_answer import Header
from perennial_predictor.prediction import PredictionAnswer

MEDIA_TYPE = b"text/html; charset=utf-8"
HEADERS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
        b" base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"vary", b"Accept"),
    (b"x-content-type-options", b"nosniff"),
)

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }
label { display: block; margin-top: 1rem; }
input, select, button { font: inherit; padding: .4rem .6rem; box-sizing: border-box; }
input, select { width: 100%; }
button { margin-top: 1rem; }
output, [role=alert] { display: block; margin-top: 1.5rem; padding: .6rem 1rem;
  border-left: .3rem solid; overflow-wrap: anywhere; }
output { font-size: 1.5rem; }
th, td { text-align: left; padding: .2rem 1.5rem .2rem 0; }
"""


def page(
    *,
    model: str,
    manifest: Manifest | None,
    values: Mapping[str, str],
    answer: PredictionAnswer | None = None,
    problem: str | None = None,
) -> str:
    """Return the page as HTML.

    Args:
        model: ``namespace/name``.
        manifest: Of the version that answers, when one is loaded.
        values: What the form's fields hold, by feature name.
        answer: The answer to them.
        problem: Why there is none.
    """
    parts = [f"<h1>{escape(model)}</h1>"]
    if manifest is not None:
        parts.append(f"<p>Version {manifest.version}, {escape(manifest.task.lower())}</p>")
        parts.append(_form(manifest.inputs, values))
    if answer is not None:
        parts.append(_result(answer))
    if problem is not None:
        parts.append(f'<p role="alert">{escape(problem)}</p>')
    parts.append('<p><a href="docs">How programs ask</a></p>')
    return _document(f"{model}: prediction", "\n".join(parts))


def _document(title: str, main: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
{main}
</main>
</body>
</html>
"""


def _form(inputs: list[Column], values: Mapping[str, str]) -> str:
    fields = "\n".join(
        _field(number, column, values.get(column.name, "")) for number, column in enumerate(inputs)
    )
    return f'<form method="get">\n{fields}\n<button>Predict</button>\n</form>'


def _field(number: int, column: Column, value: str) -> str:
    hint = " (may be empty)" if column.nullable else ""
    label = f'<label for="f{number}">{escape(column.name)}{hint}</label>'
    attributes = f'id="f{number}" name="{escape(column.name)}"'
    if not column.nullable and column.type is not ColumnType.STRING:
        attributes += " required"
    if column.type is ColumnType.BOOL:
        return f"{label}\n<select {attributes}>{_choices(value)}</select>"
    kind = {
        ColumnType.STRING: 'type="text"',
        ColumnType.INT64: 'type="number" step="1"',
    }.get(column.type, 'type="number" step="any"')
    return f'{label}\n<input {attributes} {kind} value="{escape(value)}">'


def _choices(value: str) -> str:
    return "".join(
        f'<option value="{choice}"{" selected" * (choice == value)}>{choice or "…"}</option>'
        for choice in ("", "true", "false")
    )


def _result(answer: PredictionAnswer) -> str:
    result = f"<output>{escape(_text(answer.prediction))}</output>"
    if answer.classes is None or answer.probabilities is None:
        return result
    rows = "\n".join(
        f'<tr><th scope="row">{escape(_text(label))}</th><td>{probability:.4f}</td></tr>'
        for label, probability in zip(answer.classes, answer.probabilities, strict=True)
    )
    head = '<tr><th scope="col">Class</th><th scope="col">Probability</th></tr>'
    return f"{result}\n<table>\n<thead>{head}</thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def _text(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
