"""Judges weights on labelled faces: errors of age, gender and race, overall and for each group of people."""

import sys

from facekit.cli import Parser, main, names

parser = Parser(__doc__)
parser.add_argument("--dataset", default="utkface", metavar="NAME", help="utkface (default) or table")
parser.add_argument(
    "--data",
    default="train_data/UTKFace*",
    metavar="PATH",
    help="folder, .tar, .tar.gz or .zip of UTKFace, or a .csv table: path, age, gender, race (default: %(default)s)",
)
parser.add_argument(
    "--detector",
    default="whole_image",
    metavar="NAME",
    help="whole_image (default) if the pictures are aligned chips; hog or cnn to cut the faces out of photographs",
)
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
