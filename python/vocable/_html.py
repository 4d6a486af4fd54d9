"""Tables for notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def table(title: str, head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A title and a table; an empty head leaves the first column to name the rows."""
    head = list(head)
    top = "<tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>" if head else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div><b>{escape(title)}</b><table>{top}{body}</table></div>"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
