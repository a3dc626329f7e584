"""Evaluates weights on labelled faces: errors of age, gender and race, overall and for each group of people."""

import sys

from facekit.cli import Parser, add_dataset_options, main, names

parser = Parser(__doc__)
add_dataset_options(parser)
parser.set_defaults(dataset="utkface")
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
    from facekit.evaluation.evaluate import calibrate_weights, predict_dataset
    from facekit.evaluation.tables import format_figures

    if args.report:
        from facekit.evaluation.report import write_report

        writable_folder(args.report, argument="report")
    if args.calibrate:
        calibrate_weights(args.weights, args.dataset, args.data, args.detector)
    predictions = predict_dataset(args.weights, args.dataset, args.data, args.split, args.heads, args.detector)
    figures = predictions.figures
    print(format_figures(figures), file=sys.stderr if args.json == "-" else sys.stdout)
    if args.json:
        write_text(args.json, json.dumps(figures, indent=1) + "\n")
    if args.report:
        print(write_report(predictions, args.report), file=sys.stderr)


if __name__ == "__main__":
    main(run, parser)
