"""Fine-tunes a face network on UTKFace or on your own pictures; an interrupted run continues with --resume."""

from argparse import Namespace
from functools import partial
from typing import TYPE_CHECKING

from facekit.cli import Parser, add_dataset_options, main

if TYPE_CHECKING:
    from facekit.recipes.stages import StagedRecipe
    from facekit.training.settings import Settings

parser = Parser(__doc__)
add_dataset_options(parser)
parser.add_argument("--recipe", metavar="NAME", help="one of facekit/recipes/, e.g. dlib_utkface (default: face.py)")
parser.add_argument("--pretrained", metavar="FROM", help="published, none, or a weights file to start from")
parser.add_argument("--epochs", type=int, metavar="N", help="default: the recipe's, as for the next six")
parser.add_argument("--batch-size", type=int, metavar="N")
parser.add_argument("--learning-rate", type=float, metavar="RATE")
parser.add_argument("--optimizer", metavar="NAME", help="sgd or adam (adamw), with a fitting rate if none is given")
parser.add_argument("--depth", type=int, metavar="N", help="of a wide_resnet: 10, 16, 22, ... layers")
parser.add_argument("--width", type=int, metavar="N", help="of a wide_resnet, a factor from 1 on")
parser.add_argument("--seed", type=int, metavar="N", help="of the split and of everything random")
parser.add_argument("--augmentation", default="recipe", metavar="KIND", help="recipe (default), none, basic or full")
parser.add_argument(
    "--validation-split", dest="validation_share", type=float, metavar="SHARE", help="e.g. 0.1 of the data"
)
parser.add_argument("--name", metavar="NAME", help="names the run and its weights (default: the recipe's)")
parser.add_argument("--output", metavar="DIR", help="for weights and logs (default: face_weights/ and logs/)")
parser.add_argument(
    "--precision", default="auto", metavar="NAME", help="float32, bfloat16, or the faster (auto, default)"
)
parser.add_argument(
    "--data-in",
    default="auto",
    metavar="STORE",
    help="keeps the chips in: device, host, stream (a file on disk), or the first with room (auto, default)",
)
parser.add_argument(
    "--devices", default="one", metavar="WHICH", help="one (default), or all: each takes a part of every batch"
)
parser.add_argument(
    "--resume", nargs="?", const="", metavar="RUN", help="continue the latest run in logs/, or RUN, a name or DIR/name"
)
parser.add_argument(
    "--curves",
    metavar="FILE",
    help="draw a history.csv, or age-gender-estimation's history_*.h5, as a .png beside it, and stop",
)
parser.add_argument("--dry-run", action="store_true", help="read the data, print what would be done, and stop")


def run() -> None:
    """Trains, or says what a training would do."""
    args = parser.parse_args()
    changed = {name for name, value in vars(args).items() if value != parser.get_default(name)}
    if args.curves is not None:
        if changed != {"curves"}:
            parser.error("--curves draws what a training wrote, and takes no other option")
        from facekit.evaluation.curves import draw_history

        return print(draw_history(args.curves))
    if args.resume is not None and changed - {"resume", "dry_run"}:
        parser.error(
            "--resume continues a run as it was started, with no other option than --dry-run; "
            "name the folder of one that --output placed elsewhere"
        )
    from facekit.recipes import STAGED_RECIPES

    if staged := STAGED_RECIPES.get(args.recipe):
        return run_staged(staged, args, changed)
    from facekit.core.errors import FinishedError
    from facekit.evaluation.tables import format_figures
    from facekit.training import new_run, resumed_run

    try:
        training = new_run(settings(args), args.output) if args.resume is None else resumed_run(args.resume or None)
    except FinishedError as finished:
        print(finished)
        return
    with training.interruptible():
        prepared = training.prepare(partial(print, flush=True), timed=args.dry_run)
        if not args.dry_run:
            card = training.train(prepared)
            print(f"\n{training.best_path}\n\n{format_figures(card.figures)}")


def run_staged(staged: "StagedRecipe", args: Namespace, changed: set[str]) -> None:
    """Trains a recipe of several stages, or lists them."""
    if changed - {"recipe", "data", "output", "precision", "data_in", "devices", "dry_run"} or not args.output:
        parser.error(f"{args.recipe} has several stages with settings of their own, and needs --output DIR for them")
    from facekit.evaluation.tables import format_figures
    from facekit.training import train_stages

    staged = staged.located(args.data or [])
    if args.dry_run:
        return print(*staged.stages, sep="\n")
    machine = {name: getattr(args, name) for name in ("precision", "data_in", "devices")}
    path, card = train_stages(staged, args.output, partial(print, flush=True), **machine)
    print(f"\n{path}\n\n{format_figures(card.figures)}")


def settings(args: Namespace) -> "Settings":
    """Returns the settings of a new run: the recipe, changed by the options."""
    from facekit.core.errors import UnknownNameError
    from facekit.recipes import RECIPES, STAGED_RECIPES
    from facekit.recipes.changes import change_recipe
    from facekit.training.settings import Settings

    if args.recipe is None:
        from face import recipe
    elif args.recipe in RECIPES:
        recipe = RECIPES[args.recipe]
    else:
        raise UnknownNameError("recipe", args.recipe, [*RECIPES, *STAGED_RECIPES])
    return Settings(change_recipe(recipe, vars(args)), args.precision, args.data_in, args.devices)


if __name__ == "__main__":
    main(run, parser)
