"""Draws ratios as horizontal bars: a group for each comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _LABELS, _BARS = 720, 190, 430
_ROW, _TITLE = 22, 34
_OURS, _LIMIT, _OTHERS = "#2563eb", "#9ca3af", "#d97706"


@dataclass(frozen=True)
class Bar:
    label: str
    value: float
    text: str
    colour: str = _OTHERS


@dataclass(frozen=True)
class Group:
    """Bars that are compared with each other."""

    title: str
    bars: Sequence[Bar]


def colour(name: str) -> str:
    """Return the colour of a server's bar."""
    if name.startswith("bare"):
        return _LIMIT
    return _OURS if name.startswith("Perennial") else _OTHERS


def drawn(groups: Sequence[Group]) -> str:
    """Return an SVG that is read on white and on black."""
    parts: list[str] = []
    top = 0
    for group in groups:
        parts += _group(group, top)
        top += _TITLE + _ROW * len(group.bars)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top + 10}"'
        f' viewBox="0 0 {_WIDTH} {top + 10}" font-family="sans-serif" font-size="13">'
    )
    background = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head, background, *parts, "</svg>\n"])


def _group(group: Group, top: int) -> Iterator[str]:
    yield f'<text x="8" y="{top + 24}" font-weight="bold">{escape(group.title)}</text>'
    longest = max(bar.value for bar in group.bars)
    for number, bar in enumerate(group.bars):
        y = top + _TITLE + number * _ROW
        width = max(1.0, _BARS * bar.value / longest)
        yield f'<text x="{_LABELS - 8}" y="{y + 14}" text-anchor="end">{escape(bar.label)}</text>'
        yield (
            f'<rect x="{_LABELS}" y="{y + 2}" width="{width:.1f}" height="{_ROW - 6}"'
            f' fill="{bar.colour}"/>'
        )
        yield f'<text x="{_LABELS + width + 6:.1f}" y="{y + 14}">{escape(bar.text)}</text>'
