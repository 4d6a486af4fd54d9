"""HTML tables for notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def table(title: str, header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A title and a table; without a header if ``header`` is empty."""
    header = list(header)
    head = "<tr>" + "".join(f"<th>{escape(name)}</th>" for name in header) + "</tr>" if header else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div><b>{escape(title)}</b><table>{head}{body}</table></div>"


def percent(fraction: float | None) -> str:
    """A fraction as a percentage, or a dash for None."""
    return "–" if fraction is None else f"{100 * fraction:.1f} %"
