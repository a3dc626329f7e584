"""Lists, checks and prepares data sets of labelled faces, and cuts the faces out of photographs."""

import sys
from argparse import Namespace
from functools import partial
from typing import TYPE_CHECKING

from facekit.cli import Parser, main, output_path

if TYPE_CHECKING:
    from facekit.faces.chips import ChipConfig


def list_(args: Namespace) -> None:
    """Lists the data sets that can be read: labels, licence, official splits, and where to get them."""
    from facekit.datasets import DATASETS

    print("\n\n".join(f"{name}: {dataset}" for name, dataset in DATASETS.items()))


def check(args: Namespace) -> None:
    """Checks a data set: unreadable, blank and duplicate pictures, labels that disagree, and how many of each class."""
    from facekit.datasets.check import check_dataset
    from facekit.datasets.contact_sheet import check_sheet_path, save_contact_sheet
    from facekit.datasets.source import DataSource

    if args.contact_sheet:
        check_sheet_path(args.contact_sheet)
    found = check_dataset(DataSource(args.dataset, args.data))
    if args.contact_sheet:
        count = save_contact_sheet(found, args.contact_sheet)
        print(f"{args.contact_sheet}: {count} pictures", file=sys.stderr)
    print(found)


def inspect(args: Namespace) -> None:
    """Draws the distribution of each label, as it is and as balanced sampling shows it in a training."""
    from facekit.datasets.source import DataSource
    from facekit.training.distribution_plots import write_inspection
    from facekit.training.distributions import inspect_dataset

    inspection = inspect_dataset(DataSource(args.dataset, args.data), args.balance, args.by)
    paths = write_inspection(inspection, args.output)
    print(inspection)
    print(f"written: {', '.join(map(str, paths))}", file=sys.stderr)


def prepare(args: Namespace) -> None:
    """Writes the faces of a data set to one file, which is read in its place; a run that was killed goes on."""
    from facekit.datasets.prepare import prepare_dataset
    from facekit.datasets.source import DataSource

    source = DataSource(args.dataset, args.data, detector=args.detector)
    print(prepare_dataset(source, args.output, chip_rule(args), args.min_score))


def crop(args: Namespace) -> int:
    """Finds the faces in photographs, and writes each to a file of its own, turned upright."""
    from facekit.faces.crop import crop_faces
    from facekit.faces.finder import FaceFinder

    finder, report = FaceFinder(args.detector, args.min_face), partial(print, file=sys.stderr)
    found = crop_faces(args.paths, args.output, finder, chip_rule(args), report, f".{args.format}")
    print(found)
    return 0 if found.photographs else 1


def chip_rule(args: Namespace) -> "ChipConfig":
    """Makes the rule by which faces are cut."""
    from facekit.faces.chips import AlignedChip, BoxChip

    return AlignedChip(size=args.size) if args.margin is None else BoxChip(size=args.size, margin=args.margin)


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
commands[check].add_argument(
    "--contact-sheet", type=output_path, metavar="FILE.png", help="draw some pictures, the doubtful ones first"
)
for writes, metavar, purpose in (
    (inspect, "DIR", "for the plots and distributions.csv"),
    (prepare, "FILE.h5", "what to write"),
    (crop, "DIR", "a new or an empty folder"),
):
    commands[writes].add_argument("--output", type=output_path, metavar=metavar, required=True, help=purpose)
commands[inspect].add_argument("--balance", type=float, default=0.5, metavar="X", help="0 to 1 (default: 0.5)")
commands[inspect].add_argument("--by", metavar="HEAD", help="what is balanced, e.g. gender (default: the first)")
commands[prepare].add_argument("--size", type=int, default=200, metavar="N", help="of the chips, pixels (default: 200)")
commands[prepare].add_argument(
    "--min-score",
    type=float,
    metavar="X",
    help="leave out faces that score less; of imdb and wiki, those below 1.0 are left out anyway",
)
commands[prepare].add_argument(
    "--detector",
    default="whole_image",
    metavar="NAME",
    help="whole_image if the pictures are faces already (default); blazeface, hog or cnn to find them in photographs",
)
commands[crop].add_argument("paths", metavar="PATH", nargs="+", help="photographs, folders, patterns")
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
