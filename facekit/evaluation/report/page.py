"""The report as one HTML page that needs nothing else. Its text is here; its pieces are in html.py."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.evaluation.metrics import ADULT, BINS, MEASURES, main_measure, written
from facekit.evaluation.model_card import LIMITS, MISUSE, USE
from facekit.evaluation.report import plots
from facekit.evaluation.report.groups import crossed_tables
from facekit.evaluation.report.html import between, chips_list, figure, heat_cell, heat_table, plot, table, tile
from facekit.evaluation.report.statistics import RESAMPLES
from facekit.heads import INTERVAL

Numbers = Mapping[str, Any]
SIDES = {
    "test": "It was trained on none of them.",
    "validation": "It was trained on none of them, but its best epoch and its calibration were chosen by them.",
    "train": "It was trained on them: on others it is worse.",
    "all": "Those that it was trained on may be among them: on others it is worse.",
}


def page(numbers: Numbers, chips: NDArray[np.uint8]) -> str:
    """The page.

    Args:
        numbers: as `report_numbers` gives them.
        chips: (n, S, S, 3) the faces that were judged.
    """
    sections = {"overview": ("All measures", _overview(numbers))}
    for name, section in numbers["heads"].items():
        body = _age(section) if section["kind"] == "age" else _classes(section)
        sections[f"head-{name}"] = (f"Estimated {name}", body)
    if numbers["turned"]:
        sections["minors"] = ("Minors and adults", _turned(numbers))
    if numbers["crossed"]["cells"]:
        sections["groups"] = ("For whom", crossed_tables(numbers))
    if any(numbers["worst"].values()):
        sections["worst"] = ("Furthest from their labels", _worst(numbers, chips))
    sections["about"] = ("Data, method and limits", _about(numbers))
    links = "".join(f'<a href="#{escape(name)}">{escape(title)}</a>' for name, (title, _) in sections.items())
    bodies = [
        f'<section id="{escape(name)}"><h2>{escape(title)}</h2>\n{body}</section>'
        for name, (title, body) in sections.items()
    ]
    name = escape(numbers["weights"]["name"])
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}: how good are its estimates?</title>\n"
        f"<style>\n{Path(__file__).with_name('style.css').read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
        f'<header><h1>{name}</h1>\n<p class="lead">{_lead(numbers)}</p>\n{_tiles(numbers)}\n<nav>{links}</nav>\n'
        "</header>\n<main>\n" + "\n".join(bodies) + "\n</main>\n</body>\n</html>\n"
    )


def _lead(numbers: Numbers) -> str:
    figures, weights = numbers["figures"], numbers["weights"]
    heads = " and ".join(", ".join(numbers["heads"] or ["nothing"]).rsplit(", ", 1))
    where = "all chips" if figures["split"] == "all" else f"the {figures['split']} side"
    network = f"{weights['backbone']}, {weights['input_size']} pixels"
    known = numbers["trained_on"].get("dataset") == numbers["dataset"]
    said = SIDES[figures["split"] if known else "all"]
    text = (
        f"How good are the estimates of {heads} that this network makes ({network}), for whom, and how sure can it be? "
        f"Judged on {figures['n']:,} labelled chips: {where} of {numbers['dataset']}. {said}"
    )
    return escape(text)


def _tiles(numbers: Numbers) -> str:
    tiles = []
    for name, section in numbers["heads"].items():
        measure = main_measure(section["measures"])
        pattern, entry = MEASURES[measure][1], section["measures"][measure]
        value = written(pattern, entry["value"])
        title = f"{name.capitalize()}: " + ("mean error" if measure == "mae" else "estimated right")
        unit = " years" if measure == "mae" else ""
        tiles.append(tile(title, value + unit, f"{between(pattern, entry['interval'])}, n {section['n']:,}"))
    if "minors" in numbers["turned"]:
        entry = numbers["turned"]["minors"]
        said = f"{between('{:.1%}', entry['interval'])}, n {entry['n']:,}"
        tiles.append(tile("Minors called adults", written("{:.1%}", entry["value"]), said))
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _overview(numbers: Numbers) -> str:
    rows = []
    for name, section in numbers["heads"].items():
        for measure, entry in section["measures"].items():
            title, pattern = MEASURES[measure]
            said = between(pattern, entry["interval"])
            if measure == "ece":
                said = f"by chance {written(pattern, section['ece_by_chance'])}"
            rows.append([f"{name}: {title}", written(pattern, entry["value"]), said, f"{section['n']:,}"])
    notes = (
        "MAE is the mean absolute error of the expected age; CS(5) the share of errors of at most five years. Macro-F1 "
        "is the mean F1 of the classes. Cross-entropy is natural, of the true class. The expected calibration error "
        f"(ECE) is the mean distance, in {BINS} bins of equal width, between the probability of the answer and how "
        "often it is right; even of perfect probabilities it would be the one given as by chance. Intervals hold 95% "
        f"of {RESAMPLES:,} bootstrap samples of the chips."
    )
    return table(["measure", "value", "95% interval", "n"], rows) + f'<p class="quiet">{notes}</p>'


_AGE_PLOTS = (
    (plots.error_by_band, "Error by age band", "Below zero: people are estimated too young. Bars: 95% intervals."),
    (plots.cumulative_score, "Cumulative score", "How many estimates are off by at most so many years."),
    (
        plots.coverage,
        "Are the intervals as wide as they should be?",
        "Labels inside the central interval of each level.",
    ),
    (
        plots.pit,
        "Where the label lies in the estimated distribution",
        "Level: as it should be. Heaped in the middle: too wide. Heaped at the ends: too narrow.",
    ),
)


def _age(section: Numbers) -> str:
    inside = section["measures"]["coverage"]
    figures = "".join(plot(draw, section, title, note) for draw, title, note in _AGE_PLOTS)
    rows = []
    for name, band in section["bands"].items():
        mae, coverage = band["mae"], band["coverage"]
        errors = [written("{:.2f}", mae["value"]), between("{:.2f}", mae["interval"]), f"{band['bias']:+.2f}"]
        covered = [written("{:.1%}", coverage["value"]), between("{:.1%}", coverage["interval"])]
        rows.append([name, f"{band['n']:,}", *errors, *covered])
    head = ["labelled", "n", "MAE, years", "95% interval", "mean error", f"in {INTERVAL:.0%} interval", "95% interval"]
    text = (
        f"The {INTERVAL:.0%} interval that comes with each estimated age holds {inside['value']:.1%} of the labels "
        f"({between('{:.1%}', inside['interval'])}) and is {section['interval_width']:.1f} years wide on average."
    )
    return f'<p>{text}</p><div class="plots">{figures}</div>{table(head, rows)}'


def _classes(section: Numbers) -> str:
    rows = {}
    for name, counts in zip(section["classes"], section["confusion"], strict=True):
        shares = [count / max(sum(counts), 1) for count in counts]
        cells = [heat_cell(f"{share:.1%}", [f"{count:,}"], share) for count, share in zip(counts, shares, strict=True)]
        rows[f"{name}, n {sum(counts):,}"] = cells
    confusion = heat_table("good", "", section["classes"], rows)
    note = (
        f"Calibration error {written('{:.3f}', section['measures']['ece']['value'])}; by chance alone "
        f"{section['ece_by_chance']:.3f}. Larger dots: more answers. Bars: 95% intervals."
    )
    return (
        '<div class="plots">'
        + figure("What is estimated as what", "Down: labelled. Across: estimated, of those labelled so.", confusion)
        + plot(plots.reliability, section, "Can the probabilities be trusted?", note)
        + "</div>"
    )


def _turned(numbers: Numbers) -> str:
    rows = []
    for group, entry in numbers["turned"].items():
        said = between("{:.1%}", entry["interval"])
        rows.append([f"{group} called {entry['called']}", written("{:.1%}", entry["value"]), said, f"{entry['n']:,}"])
    text = (
        f"Minors are labelled younger than {ADULT}. Who is called an adult is decided by the expected age. An estimate "
        "must not stand between a child and a protection."
    )
    return f"<p>{text}</p>" + table(["", "share", "95% interval", "n"], rows)


def _worst(numbers: Numbers, chips: NDArray[np.uint8]) -> str:
    parts = [
        "<p>The largest age errors, and the wrong classes whose label was thought least likely: each chip with its "
        "label, and what is estimated. Look for labels that are wrong: they count as errors of the network. Point at a "
        "chip for its name.</p>"
    ]
    for name, entries in numbers["worst"].items():
        if entries:
            parts.append(f"<h3>{escape(name.capitalize())}</h3>{chips_list(entries, chips)}")
    return "\n".join(parts)


def _about(numbers: Numbers) -> str:
    trained, figures, calibration = numbers["trained_on"], numbers["figures"], numbers["calibration"]
    fitted = ", ".join(f"{name} {value:.3f}" for name, value in calibration["temperatures"].items())
    sides = [f"{trained[side]:,} {side}" for side in ("train", "validation", "test") if side in trained]
    rows = {
        "Judged": f"{figures['n']:,} chips of {numbers['dataset']}, split: {figures['split']}; one pass, no averaging",
        "Left out": ", ".join(f"{count:,} {reason}" for reason, count in figures["dropped"].items()) or "none",
        "Trained on": ": ".join(filter(None, [str(trained.get("dataset", "unknown")), ", ".join(sides)])),
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
