"""Evaluates weights on labelled faces: errors of age, gender and race, overall and for each group of people.

With several data sets, they are compared.
"""

import sys

from facekit.cli import Parser, add_dataset_options, main, names

parser = Parser(__doc__)
add_dataset_options(parser)
parser.add_argument("--weights", metavar="FILE", help="weights with their card (default: those shipped)")
parser.add_argument("--split", default="test", metavar="SIDE", help="test (default), validation, train or all")
parser.add_argument("--heads", type=names, metavar="NAMES", help="e.g. age,gender to leave race out (default: all)")
parser.add_argument("--json", metavar="FILE", help="write the figures as JSON; - for stdout")
parser.add_argument(
    "--report",
    metavar="DIR",
    help="write report.html, one page that needs nothing else, report.json, and tables and pictures as CSV and PNG",
)
parser.add_argument(
    "--calibrate",
    action="store_true",
    help="first calibrate the weights on the validation side: rewrites their card, and the model card beside them",
)


def run() -> None:
    args = parser.parse_args()
    import json

    from facekit.core.files import writable_folder, write_text
    from facekit.evaluation.evaluate import calibrate_weights, name_collections, predict_dataset
    from facekit.evaluation.tables import format_comparison, format_figures

    collections = name_collections(args.dataset, args.data or [])
    if args.report:
        from facekit.evaluation.report import write_comparison, write_report

        writable_folder(args.report, argument="report")
    if args.calibrate:
        if len(collections) > 1:
            parser.error("--calibrate takes one data set")
        calibrate_weights(args.weights, *next(iter(collections.items())), args.detector)
    found = {
        name: predict_dataset(args.weights, name, path, args.split, args.heads, args.detector)
        for name, path in collections.items()
    }
    figures = {name: predictions.figures for name, predictions in found.items()}
    first, *others = found.values()
    text = format_comparison(figures) if others else format_figures(first.figures)
    print(text, file=sys.stderr if args.json == "-" else sys.stdout)
    if args.json:
        write_text(args.json, json.dumps(figures if others else first.figures, indent=1) + "\n")
    if args.report:
        print(write_comparison(found, args.report) if others else write_report(first, args.report), file=sys.stderr)


if __name__ == "__main__":
    main(run, parser)
