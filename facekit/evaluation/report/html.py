"""Renders tables, tiles, plots and chips as HTML."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facekit.evaluation.metrics import Measure
from facekit.evaluation.report import plots

_CHIP_SIDE = 96  # pixels


def document(name: str, lead: str, sections: Mapping[str, tuple[str, str]]) -> str:
    """Renders a page that needs no other file.

    Args:
        name: of the weights.
        lead: HTML between the heading and the links.
        sections: id -> title, and content as HTML.
    """
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    links = "".join(f'<a href="#{escape(key)}">{escape(title)}</a>' for key, (title, _) in sections.items())
    bodies = "\n".join(
        f'<section id="{escape(key)}"><h2>{escape(title)}</h2>\n{body}</section>'
        for key, (title, body) in sections.items()
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(name)}: how good are its estimates?</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(name)}</h1>\n{lead}\n<nav>{links}</nav>\n</header>\n"
        f"<main>\n{bodies}\n</main>\n</body>\n</html>\n"
    )


def format_interval(measure: Measure, interval: Sequence[float | None] | None) -> str:
    """Formats an interval for people, such as "4.25 to 4.67"; "" if there is none."""
    if not interval or interval[0] is None:
        return ""
    return f"{measure.format(interval[0])} to {measure.format(interval[1])}"


def tile(title: str, value: str, note: str) -> str:
    """Renders one large value."""
    return f'<div class="tile"><span>{escape(title)}</span><b>{escape(value)}</b><span>{escape(note)}</span></div>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Renders rows of plain text; the first cell of each row names it."""
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    lines = []
    for first, *cells in rows:
        lines.append(
            f'<tr><th scope="row">{escape(first)}</th>' + "".join(f"<td>{escape(c)}</td>" for c in cells) + "</tr>"
        )
    return _scrollable("", titles, lines)


def heat_table(tone: str, corner: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """Renders a table of `heat_cell`s in the tone "good" or "bad"."""
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in (corner, *columns))
    lines = [f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>' for name, cells in rows.items()]
    return _scrollable(f"heat {tone}", titles, lines)


def heat_cell(value: str, notes: Sequence[str], strength: float, kind: str = "") -> str:
    """Renders a value with small notes below it, on a background of a strength from 0 to 1."""
    small = "".join(f"<small>{escape(note)}</small>" for note in notes)
    return f'<td class="{kind}" style="--share:{min(max(strength, 0), 1):.2f}">{escape(value)}{small}</td>'


def _scrollable(kind: str, titles: str, lines: Sequence[str]) -> str:
    body = "\n".join(lines)
    return (
        f'<div class="scroll" tabindex="0"><table class="{kind}"><thead><tr>{titles}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def figure(title: str, note: str, content: str) -> str:
    """Renders content under a heading of its own."""
    return f"<figure><figcaption><b>{escape(title)}</b>{escape(note)}</figcaption>{content}</figure>"


def plot(draw: plots.Draw, section: plots.Section, title: str, note: str) -> str:
    """Renders a plot in a light and a dark scheme, of which the browser takes the reader's."""
    drawn = (plots.draw_svg(draw, section, palette) for palette in (plots.DARK, plots.LIGHT))
    dark, light = (data_uri("image/svg+xml", svg) for svg in drawn)
    source = f'<source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">'
    return figure(title, note, f'<picture>{source}<img src="{light}" alt="{escape(title)}"></picture>')


def chip_list(entries: Sequence[Mapping[str, Any]], chips: NDArray[np.uint8]) -> str:
    """Renders the worst answers as small pictures, each with its label and answer.

    Args:
        entries: as `worst_answers` lists them.
        chips: (n, H, W, 3) of all records.
    """
    items = []
    for entry in entries:
        answer = _answer_text(entry["answer"])
        picture = Image.fromarray(chips[entry["place"]]).resize((_CHIP_SIDE,) * 2, Image.Resampling.LANCZOS)
        encoded = io.BytesIO()
        picture.save(encoded, "JPEG", quality=75)
        uri = data_uri("image/jpeg", encoded.getvalue())
        alt = escape(f"labelled {entry['label']}, estimated {answer}")
        items.append(
            f'<li title="{escape(entry["name"])}"><img src="{uri}" alt="{alt}" loading="lazy">'
            f"<span>label {escape(str(entry['label']))}</span>{escape(answer)}</li>"
        )
    return f'<ul class="chips">\n{chr(10).join(items)}\n</ul>'


def data_uri(kind: str, content: bytes) -> str:
    """Encodes a picture as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _answer_text(answer: Mapping[str, Any]) -> str:
    """Describes an answer by the keys of its JSON."""
    if "probability" in answer:
        return f"{answer['label']} {min(answer['probability'], 0.999):.1%}"  # an estimate is never certain
    if "low" in answer:
        return f"{answer['years']:.0f} ({answer['low']:.0f} to {answer['high']:.0f})"
    return f"{answer['value']} {answer['unit']}".strip()
