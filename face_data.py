"""Lists, checks and prepares data sets of labelled faces, and cuts the faces out of photographs."""

import sys
from argparse import Namespace
from functools import partial
from pathlib import Path

from facekit.cli import Parser, main


def list_(args: Namespace) -> None:
    """Lists the data sets that can be read: labels, licence, official splits, and where to get them."""
    from facekit.datasets import DATASETS

    print("\n\n".join(f"{name}: {dataset}" for name, dataset in DATASETS.items()))


def check(args: Namespace) -> None:
    """Checks a data set: unreadable, blank and duplicate pictures, labels that disagree, and how many of each class."""
    from facekit.datasets.check import check_dataset
    from facekit.datasets.source import DataSource

    found = check_dataset(DataSource(args.dataset, args.data))
    if args.contact_sheet:
        from facekit.datasets.contact_sheet import save_contact_sheet

        count = save_contact_sheet(found, Path(args.contact_sheet))
        print(f"{args.contact_sheet}: {count} pictures", file=sys.stderr)
    print(found)


def inspect(args: Namespace) -> None:
    """Draws the distribution of each label, as it is and as balanced sampling shows it in a training."""
    from facekit.datasets.source import DataSource
    from facekit.training.distribution_plots import write_inspection
    from facekit.training.distributions import inspect_dataset

    inspection = inspect_dataset(DataSource(args.dataset, args.data), args.balance, args.by)
    paths = write_inspection(inspection, Path(args.output))
    print(inspection)
    print(f"written: {', '.join(map(str, paths))}", file=sys.stderr)


def prepare(args: Namespace) -> None:
    """Writes the faces of a data set to one file, which is read in its place; a run that was killed goes on."""
    from facekit.datasets.prepare import prepare_dataset
    from facekit.datasets.source import DataSource
    from facekit.faces.chips import AlignedChip, BoxChip

    source = DataSource(args.dataset, args.data, detector=args.detector)
    chip = AlignedChip() if args.margin is None else BoxChip(margin=args.margin)
    print(prepare_dataset(source, Path(args.output), args.size, chip, args.min_score))


def crop(args: Namespace) -> int:
    """Finds the faces in photographs, and writes each to a file of its own, turned upright."""
    from facekit.faces.chips import AlignedChip, BoxChip
    from facekit.faces.crop import crop_faces
    from facekit.faces.finder import FaceFinder

    chip = AlignedChip(size=args.size) if args.margin is None else BoxChip(size=args.size, margin=args.margin)
    finder = FaceFinder(args.detector, args.min_face)
    found = crop_faces(args.paths, Path(args.output), finder, chip, partial(print, file=sys.stderr), f".{args.format}")
    print(found)
    return 0 if found.photographs else 1


parser = Parser(__doc__)
parser.add_command(list_, "list")
commands = {run: parser.add_command(run) for run in (check, inspect, prepare, crop)}
for read in (check, inspect, prepare):
    commands[read].add_argument("dataset", metavar="NAME", help="of the data set, as `list` shows them")
    commands[read].add_argument(
        "data",
        metavar="PATH",
        nargs="?",
        help="folder, archive or table, or a prepared file (default: its usual place in train_data/)",
    )
commands[check].add_argument("--contact-sheet", metavar="FILE.png", help="draw some pictures, the doubtful ones first")
commands[inspect].add_argument("--output", metavar="DIR", required=True, help="for the plots and distributions.csv")
commands[inspect].add_argument("--balance", type=float, default=0.5, metavar="X", help="0 to 1 (default: 0.5)")
commands[inspect].add_argument("--by", metavar="HEAD", help="what is balanced, e.g. gender (default: the first)")
commands[prepare].add_argument("--output", metavar="FILE.h5", required=True, help="what to write")
commands[prepare].add_argument("--size", type=int, default=200, metavar="N", help="of the chips, pixels (default: 200)")
commands[prepare].add_argument("--min-score", type=float, metavar="X", help="leave out faces that score less, e.g. 1.0")
commands[prepare].add_argument(
    "--detector",
    default="whole_image",
    metavar="NAME",
    help="whole_image if the pictures are faces already (default); blazeface, hog or cnn to find them in photographs",
)
commands[crop].add_argument("paths", metavar="PATH", nargs="+", help="photographs, folders, patterns")
commands[crop].add_argument("--output", metavar="DIR", required=True, help="a new or an empty folder")
commands[crop].add_argument("--size", type=int, default=200, metavar="N", help="of the faces, pixels (default: 200)")
commands[crop].add_argument("--format", default="jpg", metavar="NAME", help="jpg (default) or png")
commands[crop].add_argument("--detector", default="blazeface", metavar="NAME", help="blazeface (default), hog or cnn")
commands[crop].add_argument("--min-face", type=int, metavar="PIXELS", help="width of the smallest faces to find")
for cut in (prepare, crop):
    commands[cut].add_argument(
        "--margin",
        type=float,
        metavar="X",
        help="cut the square around the face and this much of its width on each side, instead of turning it upright",
    )


def run() -> int | None:
    args = parser.parse_args()
    status: int | None = args.run(args)
    return status


if __name__ == "__main__":
    main(run, parser)
