"""Pieces of the page: tables, tiles, plots and chips as HTML."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facekit.evaluation.metrics import written
from facekit.evaluation.report import plots

_CHIP_SIDE = 96  # pixels


def between(pattern: str, interval: Sequence[float | None] | None) -> str:
    """An interval for people, such as "4.25 to 4.67"."""
    if not interval or interval[0] is None:
        return ""
    return f"{written(pattern, interval[0])} to {written(pattern, interval[1])}"


def tile(title: str, value: str, note: str) -> str:
    return f'<div class="tile"><span>{escape(title)}</span><b>{escape(value)}</b><span>{escape(note)}</span></div>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Plain text in cells; the first of each row names it."""
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    lines = []
    for first, *cells in rows:
        lines.append(
            f'<tr><th scope="row">{escape(first)}</th>' + "".join(f"<td>{escape(c)}</td>" for c in cells) + "</tr>"
        )
    return _scrolled("", titles, lines)


def heat_table(tone: str, corner: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """A table of `heat_cell`s, in the tone "good" or "bad"."""
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in (corner, *columns))
    lines = [f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>' for name, cells in rows.items()]
    return _scrolled(f"heat {tone}", titles, lines)


def heat_cell(value: str, notes: Sequence[str], share: float, kind: str = "") -> str:
    """A value with small notes below it, on a ground as strong as `share` (0 to 1)."""
    small = "".join(f"<small>{escape(note)}</small>" for note in notes)
    return f'<td class="{kind}" style="--share:{min(max(share, 0), 1):.2f}">{escape(value)}{small}</td>'


def _scrolled(kind: str, titles: str, lines: Sequence[str]) -> str:
    body = "\n".join(lines)
    return (
        f'<div class="scroll" tabindex="0"><table class="{kind}"><thead><tr>{titles}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def figure(title: str, note: str, content: str) -> str:
    """Content of the page with a heading of its own."""
    return f"<figure><figcaption><b>{escape(title)}</b>{escape(note)}</figcaption>{content}</figure>"


def plot(draw: plots.Draw, section: plots.Section, title: str, note: str) -> str:
    """A plot in both colour schemes, of which the browser takes the reader's."""
    dark, light = (plots.data_uri(draw, section, palette) for palette in (plots.DARK, plots.LIGHT))
    source = f'<source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">'
    return figure(title, note, f'<picture>{source}<img src="{light}" alt="{escape(title)}"></picture>')


def chips_list(entries: Sequence[Mapping[str, Any]], chips: NDArray[np.uint8]) -> str:
    """The worst answers as small pictures, each with label and answer."""
    items = []
    for entry in entries:
        said = _said(entry["answer"])
        picture = Image.fromarray(chips[entry["place"]]).resize((_CHIP_SIDE,) * 2, Image.Resampling.LANCZOS)
        encoded = io.BytesIO()
        picture.save(encoded, "JPEG", quality=75)
        uri = "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode()
        alt = escape(f"labelled {entry['label']}, estimated {said}")
        items.append(
            f'<li title="{escape(entry["name"])}"><img src="{uri}" alt="{alt}" loading="lazy">'
            f"<span>label {escape(str(entry['label']))}</span>{escape(said)}</li>"
        )
    return f'<ul class="chips">\n{chr(10).join(items)}\n</ul>'


def _said(answer: Mapping[str, Any]) -> str:
    if "years" in answer:
        return f"{answer['years']:.0f} ({answer['low']:.0f} to {answer['high']:.0f})"
    return f"{answer['label']} {min(answer['probability'], 0.999):.1%}"  # certain it never is
