"""Writes the card of some weights as a page for people (Mitchell et al. 2019, Model Cards for Model Reporting)."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from facekit.evaluation.metrics import (
    MEASURES,
    evaluated_heads,
    group_rows,
    main_measure_titles,
    measure_title,
    minor_error_rows,
)
from facekit.faces.batch import size_text
from facekit.heads import INTERVAL

if TYPE_CHECKING:
    from facekit.networks.cards import Card

USE = (
    "Research on how faces appear, with the errors shown here in mind: labelling a collection of pictures as a first "
    "draft, studying how such networks err, and for whom."
)
MISUSE = (
    "These are estimates of how a face appears, not facts about a person: no identity, no proof of age, not somebody's "
    "own gender or race, and an expression is no feeling. Do not decide about people with them. They must not stand "
    "between a child and a protection: see the minors called adults. In some places, the European Union among them, "
    "the law restricts estimating race, gender or emotions from faces."
)
LIMITS = (
    "The labels that it learned from, and is tested with, are themselves estimates and hold mistakes. The classes are "
    "those of the data set: two genders and a handful of races describe few people well. The test pictures come from "
    "the same collection as the training pictures; on others, with other cameras, light or groups of people, expect "
    "larger errors and less trustworthy probabilities. Figures of groups with few pictures are uncertain: mind n."
)


def model_card(card: "Card") -> str:
    """Returns the page, as Markdown, from the content of a card."""
    network, figures = card.network, card.figures
    heads = ", ".join(head.description for head in network.heads)
    parts = [
        f"# {card.name}",
        f"Estimates {heads} from a face of {size_text(network.input_size)} pixels; network {network.backbone}. "
        "Written by the code that trained and tested it.",
        f"## Intended use\n\n{USE}",
        f"## What it must not be used for\n\n{MISUSE}",
        f"## Data and protocol\n\n{_protocol(card)}",
    ]
    if figures:
        parts += [
            f"## How good it is\n\n{_overall(figures, 'branch' in card.training)}",
            f"## For whom\n\n{_groups(figures)}",
        ]
    parts += [f"## Calibration\n\n{_calibration(card)}", f"## Limits\n\n{LIMITS}", f"## Licence\n\n{card.licence}"]
    return "\n\n".join(parts) + "\n"


def _protocol(card: "Card") -> str:
    data = card.data
    trainings = (card.training, card.training.get("branch", {}))  # of a joined network, that of its second part
    recipes = [training["recipe"]["name"] for training in trainings if "recipe" in training]
    sides = [f"{data[side]:,} {side}" for side in ("train", "validation", "test") if side in data]
    dropped = [f"{count:,} {reason}" for reason, count in data.get("dropped", {}).items()]
    seen = card.figures.get("note", "No picture of it was trained on.")
    lines = {
        "data": data.get("dataset"),
        "records": ", ".join(sides),
        "dropped": ", ".join(dropped),
        "split": f"{data['split_rule']} Seed {card.seed}." if "split_rule" in data else None,
        "faces": f"cut by {card.detector}"
        if card.detector != "whole_image"
        else "aligned chips, as the data set has them",
        "recipe": " and ".join(recipes),
        "notes": "; ".join(data.get("notes", [])),
        "tested": f"on the test side, in one pass; ages by the expected value. {seen}",
        "tensors": f"sha256 {card.tensors_sha256}" if card.tensors_sha256 else None,
    }
    return "\n".join(f"- {title}: {text}" for title, text in lines.items() if text)


def _overall(figures: Mapping[str, Any], joined: bool) -> str:
    rows = [["", "", ""]]
    for name in evaluated_heads(figures):
        for key, measure in MEASURES.items():
            if key in figures[name]:
                title = measure_title(key, figures[name])
                rows.append([f"estimated {name}", title, measure.format(figures[name][key])])
    rows += [[title, number, share] for title, share, number in minor_error_rows(figures)]
    text = f"On {figures['n']:,} pictures of the {figures.get('split', 'evaluated')} side"
    if joined:
        text += "s of its data sets, each answer on those of the network that gave it before the two were joined"
    return f"{text}:\n\n{markdown_table(rows)}"


def _groups(figures: Mapping[str, Any]) -> str:
    titles = [f"{name}, {title}" for name, title in main_measure_titles(figures)]
    return markdown_table([["labelled", "", "n", *titles], *chain.from_iterable(group_rows(figures))])


def _calibration(card: "Card") -> str:
    calibration = card.calibration
    if not calibration.temperatures:
        return "None: the probabilities are the network's own."
    temperatures = ", ".join(f"{name} {value:.3f}" for name, value in calibration.temperatures.items())
    return (
        f"The estimator divides log-probabilities by temperatures fitted on {calibration.records:,} records of the "
        f"validation side: {temperatures}. An age's temperature keeps the expected age; with it, the {INTERVAL:.0%} "
        f"interval holds {INTERVAL:.0%} of their labels."
    )


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Returns a table whose first row is its header."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])
