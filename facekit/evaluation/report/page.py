"""Renders a report as one HTML page that needs no other file. Its text is here; its elements are in html.py."""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.evaluation.curves import history_path
from facekit.evaluation.metrics import CALLED_ADULTS, MEASURES, SHARE, error_unit, main_measure, measure_title
from facekit.evaluation.model_card import LIMITS, MISUSE, USE
from facekit.evaluation.report.groups import group_tables
from facekit.evaluation.report.head_section import head_section
from facekit.evaluation.report.html import chip_list, data_uri, document, figure, format_interval, table, tile
from facekit.faces.batch import size_text
from facekit.heads import ADULT, MINOR_THRESHOLD
from facekit.heads.statistics import BINS, RESAMPLES

Numbers = Mapping[str, Any]
SPLIT_NOTES = {
    "test": "It was trained on none of them.",
    "validation": "It was trained on none of them, but its best epoch and its calibration were chosen by them.",
    "train": "It was trained on them: on others it is worse.",
    "all": "Those that it was trained on may be among them: on others it is worse.",
}


def side_text(split: str) -> str:
    """Names the side of a split in a sentence."""
    return "all chips" if split == "all" else f"the {split} side"


def render_page(numbers: Numbers, chips: NDArray[np.uint8], curves: bytes | None) -> str:
    """Renders the page.

    Args:
        numbers: as `report_numbers` returns them.
        chips: (n, H, W, 3) the faces that were evaluated.
        curves: of the training, a PNG; None if its log was not found.
    """
    sections = {"overview": ("All measures", _overview(numbers))}
    for name, section in numbers["heads"].items():
        sections[f"head-{name}"] = (f"Estimated {name}", head_section(name, section))
    if numbers["minor_errors"]:
        sections["minors"] = ("Minors and adults", _minors_and_adults(numbers))
    if numbers["crossed"]["cells"]:
        sections["groups"] = ("For whom", group_tables(numbers))
    if any(numbers["worst"].values()):
        sections["worst"] = ("Furthest from their labels", _worst(numbers, chips))
    sections["training"] = ("Training", _training(numbers, curves))
    sections["about"] = ("Data, method and limits", _about(numbers))
    name = numbers["weights"]["name"]
    return document(name, f'<p class="lead">{_lead(numbers)}</p>\n{_tiles(numbers)}', sections)


def _lead(numbers: Numbers) -> str:
    figures, weights = numbers["figures"], numbers["weights"]
    heads = " and ".join(", ".join(numbers["heads"] or ["nothing"]).rsplit(", ", 1))
    network = f"{weights['backbone']}, {size_text(weights['input_size'])} pixels"
    note = SPLIT_NOTES[figures["split"] if numbers["dataset"] in _sources(numbers) else "all"]
    if "note" in figures:
        note = figures["note"]
    text = (
        f"How good are the estimates of {heads} that this network makes ({network}), for whom, and how sure can it be? "
        f"Evaluated on {figures['n']:,} labelled chips: {side_text(figures['split'])} of {numbers['dataset']}. {note}"
    )
    return escape(text)


def _sources(numbers: Numbers) -> list[str]:
    """Returns the names of the data sets that the weights were trained on."""
    trained = numbers["trained_on"]
    return [str(source["dataset"]) for source in trained.get("sources") or [trained] if "dataset" in source]


def _tiles(numbers: Numbers) -> str:
    tiles = []
    for name, section in numbers["heads"].items():
        key = main_measure(section["measures"])
        measure, entry = MEASURES[key], section["measures"][key]
        title = f"{name.capitalize()}: " + ("estimated right" if measure.is_share else "mean absolute error")
        value = f"{measure.format(entry['value'])} {error_unit(section['measures'])}".rstrip()
        tiles.append(tile(title, value, f"{format_interval(measure, entry['interval'])}, n {section['n']:,}"))
    if entry := numbers["minor_errors"].get(CALLED_ADULTS):
        note = f"{format_interval(SHARE, entry['interval'])}, n {entry['n']:,}"
        tiles.append(tile(CALLED_ADULTS.capitalize(), SHARE.format(entry["value"]), note))
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _overview(numbers: Numbers) -> str:
    rows = []
    for name, section in numbers["heads"].items():
        for key, entry in section["measures"].items():
            measure, title = MEASURES[key], measure_title(key, section["measures"])
            interval = format_interval(measure, entry["interval"])
            if key == "ece":
                interval = f"by chance {measure.format(section['ece_by_chance'])}"
            rows.append([f"{name}: {title}", measure.format(entry["value"]), interval, f"{section['n']:,}"])
    notes = (
        "MAE is the mean absolute error of the estimated number: of the expected age, where ages have a distribution. "
        "CS(5) is the share of errors of at most five years. Macro-F1 is the mean F1 of the classes. Cross-entropy is "
        "natural, of the true class. The expected calibration error (ECE) is the mean distance, in "
        f"{BINS} bins of equal width, between the probability of the answer and how often it is right; even perfect "
        "probabilities have the error that is given as by chance. Intervals hold 95% of "
        f"{RESAMPLES:,} bootstrap samples of the chips."
    )
    return table(["measure", "value", "95% interval", "n"], rows) + f'<p class="notes">{notes}</p>'


def _minors_and_adults(numbers: Numbers) -> str:
    rows = [
        [title, SHARE.format(entry["value"]), format_interval(SHARE, entry["interval"]), f"{entry['n']:,}"]
        for title, entry in numbers["minor_errors"].items()
    ]
    text = (
        f"Minors are labelled younger than {ADULT}. The estimated age decides who is called an adult. The probability "
        f"of being a minor is answered beside the age: where it is {MINOR_THRESHOLD:.0%} or more, a face may be a "
        "minor's. An estimate must not stand between a child and a protection."
    )
    return f"<p>{text}</p>" + table(["", "share", "95% interval", "n"], rows)


def _worst(numbers: Numbers, chips: NDArray[np.uint8]) -> str:
    parts = [
        "<p>The largest errors, and the wrong classes whose label was thought least likely: each chip with its label "
        "and its estimate. Look for labels that are wrong: they count as errors of the network. Point at a chip for "
        "its name.</p>"
    ]
    for name, entries in numbers["worst"].items():
        if entries:
            parts.append(f"<h3>{escape(name.capitalize())}</h3>{chip_list(entries, chips)}")
    return "\n".join(parts)


def _training(numbers: Numbers, curves: bytes | None) -> str:
    if curves is None:
        path = history_path(numbers["weights"]["name"]).as_posix()
        return f"<p>Curves are left out: {escape(path)} is not in the working folder, or is damaged.</p>"
    picture = f'<img src="{data_uri("image/png", curves)}" alt="Curves of the training">'
    return figure("Losses and figures of each epoch", "A dot marks the best epoch of the validation.", picture)


def _about(numbers: Numbers) -> str:
    trained, figures, calibration = numbers["trained_on"], numbers["figures"], numbers["calibration"]
    fitted = ", ".join(f"{name} {value:.3f}" for name, value in calibration["temperatures"].items())
    sides = [f"{trained[side]:,} {side}" for side in ("train", "validation", "test") if side in trained]
    data = f"{figures['n']:,} chips of {numbers['dataset']}, split: {figures['split']}"
    rows = {
        "Evaluated on": f"{data}; one pass, no averaging",
        "Left out": ", ".join(f"{count:,} {reason}" for reason, count in figures["dropped"].items()) or "none",
        "Trained on": ": ".join(filter(None, [", ".join(_sources(numbers)) or "unknown", ", ".join(sides)])),
        "Split": str(trained.get("split_rule", "unknown")),
        "Calibration": "none: the probabilities are the network's own",
        "Intervals": f"95%; bootstrap ({RESAMPLES:,} samples, seeded) for means, Wilson's for shares within groups",
        "Intended use": USE,
        "Not for": MISUSE,
        "Limits": LIMITS,
        "Licence": f"{numbers['licence']} The pictures on this page are the data set's, and under its terms.",
        "Tensors": f"sha256 {numbers['weights']['tensors_sha256'] or 'unknown'}",
    }
    if fitted:
        rows["Calibration"] = (
            f"temperatures {fitted}, fitted on {calibration['records']:,} chips of the validation side"
        )
    return "<dl>" + "".join(f"<dt>{title}</dt><dd>{escape(text)}</dd>" for title, text in rows.items()) + "</dl>"
