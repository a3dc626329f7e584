"""The report as one HTML page that needs nothing else. Its text is here; its pieces are in html.py."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.evaluation import BINS, MEASURES, written
from facekit.heads import INTERVAL
from facekit.report import plots
from facekit.report.groups import crossed_tables
from facekit.report.html import between, chips_list, heat_cell, heat_table, plot, table, tile
from facekit.report.model_card import LIMITS, MISUSE, USE

Numbers = Mapping[str, Any]
SIDES = {
    "test": "None of them was trained on.",
    "validation": "None of them was trained on, but the best epoch and the calibration were chosen by them.",
    "train": "The network was trained on them: on others it is worse.",
    "all": "Most of them were trained on: on others the network is worse.",
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
        f'<header><h1>{name}</h1>\n<p class="lead">{_lead(numbers)}</p>\n{_tiles(numbers)}\n<nav>{links}</nav></header>\n'
        "<main>\n" + "\n".join(bodies) + "\n</main>\n</body>\n</html>\n"
    )


def _lead(numbers: Numbers) -> str:
    figures, weights = numbers["figures"], numbers["weights"]
    heads = " and ".join(", ".join(numbers["heads"] or ["nothing"]).rsplit(", ", 1))
    where = "all chips" if figures["split"] == "all" else f"the {figures['split']} side"
    text = (
        f"How good are the estimates of {heads} that this network ({weights['backbone']}, {weights['input_size']} pixels) "
        f"makes, for whom, and how sure can it be? Judged on {figures['n']:,} labelled chips: {where} of "
        f"{numbers['dataset']}. {SIDES[figures['split']]}"
    )
    return escape(text)


def _tiles(numbers: Numbers) -> str:
    tiles = []
    for name, section in numbers["heads"].items():
        measure = "mae" if section["kind"] == "age" else "accuracy"
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
                said = f"by chance alone {written(pattern, section['ece_by_chance'])}"
            rows.append([f"{name}: {title}", written(pattern, entry["value"]), said, f"{section['n']:,}"])
    notes = (
        "<p class='quiet'>MAE is the mean absolute error of the expected age; CS(5) the share of errors of at most five "
        "years. Macro-F1 is the mean F1 of the classes. Cross-entropy is natural, of the one true class. The expected "
        f"calibration error (ECE) is the mean distance, in {BINS} bins of equal width, between the probability of the "
        "answer and how often it is right; perfect probabilities would show the one that is given for chance alone. "
        "Intervals hold 95 % of 1,000 bootstrap samples of the chips.</p>"
    )
    return table(["measure", "value", "95% interval", "n"], rows) + notes


def _age(section: Numbers) -> str:
    inside = section["measures"]["coverage"]
    figures = [
        plot(plots.error_by_band, section, "Error by age band", "Below zero: people are estimated too young. Bars: 95% intervals."),
        plot(plots.cumulative_score, section, "Cumulative score", "How many estimates are off by at most so many years."),
        plot(plots.coverage, section, "Are the intervals as wide as they should be?", "Labels inside the central interval, for each level it may have."),
        plot(plots.pit, section, "Where the label lies in the answered distribution", "Level: right. Hollow: too wide. Heaped at the ends: too narrow."),
    ]  # fmt: skip
    rows = []
    for name, band in section["bands"].items():
        mae, coverage = band["mae"], band["coverage"]
        rows.append(
            [
                name,
                f"{band['n']:,}",
                written("{:.2f}", mae["value"]),
                between("{:.2f}", mae["interval"]),
                f"{band['bias']:+.2f}",
                written("{:.1%}", coverage["value"]),
                between("{:.1%}", coverage["interval"]),
            ]
        )
    text = (
        f"<p>The {INTERVAL:.0%} interval that comes with each age holds {inside['value']:.1%} of the labels "
        f"({between('{:.1%}', inside['interval'])}) and is {section['interval_width']:.1f} years wide on average.</p>"
    )
    head = [
        "labelled age",
        "n",
        "MAE, years",
        "95% interval",
        "mean error",
        f"inside the {INTERVAL:.0%} interval",
        "95% interval",
    ]
    return f'{text}<div class="plots">{"".join(figures)}</div>{table(head, rows)}'


def _classes(section: Numbers) -> str:
    counts, rows = np.array(section["confusion"]), {}
    for name, row in zip(section["classes"], counts, strict=True):
        shares = row / max(row.sum(), 1)
        cells = [heat_cell(f"{share:.1%}", [f"{n:,}"], share) for n, share in zip(row, shares, strict=True)]
        rows[f"{name} (n {row.sum():,})"] = cells
    confusion = heat_table(
        "good",
        "labelled",
        [f"estimated {name}" for name in section["classes"]],
        rows,
        "Of each labelled class, how many were estimated as what.",
    )
    note = f"Calibration error {section['measures']['ece']['value']:.3f}; by chance alone {section['ece_by_chance']:.3f}. Larger dots: more answers. Bars: 95% intervals."
    reliability = plot(plots.reliability, section, "Can the probabilities be trusted?", note)
    return f'<div class="plots"><div>{confusion}</div>{reliability}</div>'


def _turned(numbers: Numbers) -> str:
    rows = []
    for group, entry in numbers["turned"].items():
        said = between("{:.1%}", entry["interval"])
        rows.append([f"{group} called {entry['called']}", written("{:.1%}", entry["value"]), said, f"{entry['n']:,}"])
    text = (
        "<p>Minors are labelled 17 or younger, adults 18 or older; what is called is decided by the expected age. "
        "An estimate must not stand between a child and a protection.</p>"
    )
    return text + table(["", "share", "95% interval", "n"], rows)


def _worst(numbers: Numbers, chips: NDArray[np.uint8]) -> str:
    parts = [
        "<p>The largest age errors, and the wrong classes whose label was thought least likely. Many of these labels are "
        "visibly wrong: the figures above count them as errors of the network. Point at a chip for its name.</p>"
    ]
    for name, entries in numbers["worst"].items():
        if entries:
            parts.append(f"<h3>{escape(name.capitalize())}</h3>{chips_list(entries, chips)}")
    return "\n".join(parts)


def _about(numbers: Numbers) -> str:
    trained, figures = numbers["trained_on"], numbers["figures"]
    temperatures = numbers["calibration"]["temperatures"]
    fitted = ", ".join(f"{name} {value:.3f}" for name, value in temperatures.items())
    sides = [f"{trained[side]:,} {side}" for side in ("train", "validation", "test") if side in trained]
    rows = {
        "Judged": f"{figures['n']:,} chips of {numbers['dataset']}, split: {figures['split']}; one pass, no averaging",
        "Left out": ", ".join(f"{count:,} {reason}" for reason, count in figures["dropped"].items()) or "none",
        "Trained on": ", ".join(filter(None, [str(trained.get("dataset", "unknown")), *sides])),
        "Split": str(trained.get("split_rule", "unknown")),
        "Calibration": f"temperatures {fitted}, fitted on {numbers['calibration']['records']:,} chips of the validation side" if fitted else "none: the probabilities are the network's own",
        "Intervals": "95%; bootstrap (1,000 samples, seeded) for means, Wilson's for shares within groups",
        "Intended use": USE,
        "Not for": MISUSE,
        "Limits": LIMITS,
        "Licence": f"{numbers['licence']} The pictures on this page are the data set's, and under its terms.",
        "Tensors": f"sha256 {numbers['weights']['tensors_sha256'] or 'unknown'}",
    }  # fmt: skip
    return "<dl>" + "".join(f"<dt>{title}</dt><dd>{escape(text)}</dd>" for title, text in rows.items()) + "</dl>"
