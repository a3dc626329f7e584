"""Judges weights on labelled faces: errors of age, gender and race, overall and for each group of people."""

import sys

from facekit.cli import Parser, add_dataset_options, main, names

parser = Parser(__doc__)
add_dataset_options(parser)
parser.add_argument("--weights", metavar="FILE", help="weights with their card (default: those shipped)")
parser.add_argument("--split", default="test", metavar="SIDE", help="test (default), validation, train or all")
parser.add_argument("--heads", type=names, metavar="NAMES", help="e.g. age,gender to leave race out (default: all)")
parser.add_argument("--json", metavar="FILE", help="write the figures as JSON; - for stdout")


def run() -> None:
    args = parser.parse_args()
    import json

    from facekit.evaluation import evaluate_weights, format_figures
    from facekit.files import write_text

    figures = evaluate_weights(args.weights, args.dataset, args.data, args.split, args.heads, args.detector)
    print(format_figures(figures), file=sys.stderr if args.json == "-" else sys.stdout)
    if args.json:
        write_text(args.json, json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main(run)
