"""Fine-tunes a face network on UTKFace or on one's own pictures; a run that was stopped continues with --resume."""

from dataclasses import replace
from pathlib import Path

from facekit.cli import Parser, add_dataset_options, main

parser = Parser(__doc__)
add_dataset_options(parser)
parser.add_argument("--recipe", metavar="NAME", help="one of facekit/recipes/, e.g. dlib_utkface (default: face.py)")
parser.add_argument("--pretrained", metavar="FROM", help="published, none, or a weights file to start from")
parser.add_argument("--epochs", type=int, metavar="N", help="default: the recipe's, as for the next two")
parser.add_argument("--batch-size", type=int, metavar="N")
parser.add_argument("--learning-rate", type=float, metavar="RATE")
parser.add_argument(
    "--precision", default="auto", metavar="NAME", help="float32, bfloat16, or the faster (auto, default)"
)
parser.add_argument(
    "--data-in",
    default="auto",
    metavar="PLACE",
    help="where the chips lie: device, host, stream (a file on disk), or where there is room (auto, default)",
)
parser.add_argument(
    "--devices", default="one", metavar="WHICH", help="one (default), or all: each takes a share of every batch"
)
parser.add_argument(
    "--resume", nargs="?", const="", metavar="RUN", help="continue a run in logs/ (the latest) as it was started"
)
parser.add_argument("--dry-run", action="store_true", help="read the data, print what would be done, and stop")


def run() -> None:
    args = parser.parse_args()
    changed = [name for name, value in vars(args).items() if value != parser.get_default(name)]
    if args.resume is not None and set(changed) - {"resume", "dry_run"}:
        parser.error("--resume continues a run as it was started, and takes no other options than --dry-run")
    from facekit.evaluation.metrics import format_figures
    from facekit.training import new_run, resumed_run

    training = new_run(settings(args)) if args.resume is None else resumed_run(args.resume or None)
    training.prepare()
    print(training.summary(timed=args.dry_run))
    if not args.dry_run:
        card = training.train()
        print(f"\n{training.best_path}\n\n{format_figures(card.figures)}")


def settings(args):
    from facekit.core.errors import lookup
    from facekit.recipes import RECIPES
    from facekit.training.settings import Settings

    if args.recipe is None:
        from face import recipe
    else:
        recipe = lookup("recipe", args.recipe, RECIPES)
    changes = {name: getattr(args, name) for name in ("pretrained", "epochs", "batch_size", "learning_rate")}
    recipe = replace(recipe, **{name: value for name, value in changes.items() if value is not None})
    data = str(Path(args.data).absolute())
    detector = args.detector or "whole_image"
    return Settings(recipe, args.dataset, data, detector, args.precision, args.data_in, args.devices)


if __name__ == "__main__":
    main(run, parser)
