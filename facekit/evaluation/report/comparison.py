"""Renders the page that puts several collections side by side, and names the report of each."""

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from facekit.evaluation.comparison import compared_heads, group_rows, head_title, whole_rows
from facekit.evaluation.model_card import LIMITS, MISUSE
from facekit.evaluation.report.html import document, table
from facekit.evaluation.report.page import SPLIT_NOTES, side_text
from facekit.heads import MINOR_THRESHOLD

if TYPE_CHECKING:
    from facekit.evaluation.evaluate import Predictions


def render_comparison(collections: Mapping[str, "Predictions"]) -> str:
    """Renders the page.

    Args:
        collections: data set -> the answers of the same weights for it; its report is `<data set>/report.html`.
    """
    figures = [predictions.figures for predictions in collections.values()]
    sections = {"overview": ("All measures", table(["", *collections], whole_rows(figures)) + _notes())}
    for name in compared_heads(figures):
        if rows := group_rows(figures, name):
            body = f"<p>{escape(head_title(figures, name))}, by label.</p>" + table(["", *collections], rows)
            sections[f"head-{name}"] = (f"Estimated {name}", body)
    sections["collections"] = ("Each collection", _links(collections))
    sections["about"] = ("Limits", f"<p>{escape(MISUSE)}</p><p>{escape(LIMITS)}</p>")
    card = next(iter(collections.values())).card
    lead = "How good are the estimates of this network on several collections, side by side?"
    return document(card.name, f'<p class="lead">{lead}</p>', sections)


def _notes() -> str:
    text = (
        "MAE is the mean absolute error. The mean error is estimate minus label: above zero, people are estimated too "
        "old. An interval should hold the share that it names. A minor is younger than 18; the probability of being "
        f"one is answered beside the age, and should be {MINOR_THRESHOLD:.0%} or more for every minor."
    )
    return f'<p class="notes">{escape(text)}</p>'


def _links(collections: Mapping[str, "Predictions"]) -> str:
    items = []
    for name, predictions in collections.items():
        is_known = predictions.card.source(name)
        note = SPLIT_NOTES[predictions.split] if is_known else "The weights were not trained on it."
        note = predictions.figures.get("note", note)
        text = escape(f"{side_text(predictions.split)}. {note}")
        items.append(f'<li><a href="{escape(name)}/report.html">{escape(name)}</a>: {text}</li>')
    return f"<ul>{''.join(items)}</ul>"
