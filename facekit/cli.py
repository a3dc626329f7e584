"""Parses the options that scripts share, prints errors as one line, and sets exit statuses.

No other module knows the names of options.
"""

import argparse
import difflib
import errno
import io
import os
import re
import runpy
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from facekit.core.errors import FaceKitError, MissingExtraError, UsageError
from facekit.core.files import PROJECT
from facekit.core.signals import Interrupted

if TYPE_CHECKING:
    from facekit.estimator import FaceEstimator


Item = TypeVar("Item")


class Parser(argparse.ArgumentParser):
    """Parses options, and suggests the nearest one for one that is misspelt."""

    command: str | None = None  # name of the installed command that runs the script; None for the script itself

    def __init__(self, description: str, prog: str | None = None) -> None:
        super().__init__(prog=prog or self.command, description=description, allow_abbrev=False)
        self._commands: argparse._SubParsersAction[Parser] | None = None

    def add_command(self, run: Callable[[argparse.Namespace], int | None], name: str | None = None) -> "Parser":
        """Adds a command of the script, described by the docstring of the function that runs it.

        Args:
            run: is what `args.run` becomes.
            name: of the command; None for that of the function.
        """
        if self._commands is None:
            self._commands = self.add_subparsers(metavar="COMMAND", parser_class=Parser)
        text = run.__doc__ or ""
        parser = self._commands.add_parser(name or run.__name__, help=text.rstrip("."), description=text)
        parser.set_defaults(run=run)
        return parser

    def all_actions(self) -> list[argparse.Action]:
        """Returns the actions of all options and arguments, of the commands too."""
        commands = self._commands.choices.values() if self._commands else ()
        return [*self._actions, *(action for command in commands for action in command.all_actions())]

    def parse_args(self, *args: Any, **kwargs: Any) -> Any:
        """Parses; what follows several `--weights` and is no weights file is a path."""
        parsed = super().parse_args(*args, **kwargs)
        if self._commands and not hasattr(parsed, "run"):  # asked for here, so that a misspelt option is told first
            self.error("the following arguments are required: COMMAND")
        if isinstance(weights := getattr(parsed, "weights", None), list):
            first, *rest = weights
            others = [name for name in rest if not name.lower().endswith((".h5", ".hdf5"))]
            parsed.weights = [first, *(name for name in rest if name not in others)]
            if others and not hasattr(parsed, "paths"):
                self.error(f"unrecognized arguments: {' '.join(others)}")
            if others:
                parsed.paths = [*parsed.paths, *others]
        return parsed

    def error(self, message: str) -> NoReturn:
        unknown = [word for word in message.split() if word.startswith("--")]
        if "unrecognized" in message and unknown:
            known = [option for action in self.all_actions() for option in action.option_strings]
            near = difflib.get_close_matches(unknown[0].split("=")[0], known, n=1)
            message += f". Did you mean {near[0]}?" if near else f". {self.prog} --help lists the options."
        if self._commands and (chosen := re.search("COMMAND: invalid choice: '([^']*)'", message)):
            near = difflib.get_close_matches(chosen[1], self._commands.choices, n=1)
            message += f". Did you mean {near[0]}?" if near else ""
        self.exit(2, f"error: {message}\n")


def main(run: Callable[[], int | None], parser: Parser | None = None) -> NoReturn:
    """Runs a script.

    Exit status: 0 done, 1 nothing could be done, 2 bad usage, 130 interrupted by Ctrl-C; a training that another signal
    interrupts ends with 128 + its number, 143 for SIGTERM.

    Args:
        run: does the work.
        parser: its options are named in errors about the arguments that they set.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may hold what the terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = _run_with_extras(run)
        sys.stdout.flush()
    except UsageError as error:
        status = _say(_with_option(error, parser), 2)
    except FaceKitError as error:
        status = _say(_with_option(error, parser), 1)
    except Interrupted as interrupted:
        status = _say(_with_command(interrupted), 128 + interrupted.number)
    except KeyboardInterrupt:
        status = _say("interrupted", 130)
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python writes to it again
        # A closed pipe, e.g. `| head`: nobody reads on.
        status = 0 if error.errno == errno.EPIPE else _say("Cannot write to stdout: its disk is full.", 1)
    sys.exit(status)


def command() -> None:
    """Runs the script that an installed command is named after: `face-demo` is `face_demo.py`."""
    Parser.command = Path(sys.argv[0]).stem
    name = Parser.command.replace("-", "_")
    folder = PROJECT if (PROJECT / f"{name}.py").is_file() else PROJECT / "scripts"  # where a wheel has them
    sys.path.insert(0, str(folder))  # as Python does for a script: one may import another
    runpy.run_path(str(folder / f"{name}.py"), run_name="__main__")


def _run_with_extras(run: Callable[[], int | None]) -> int:
    """Runs a script's work; if `uv run` started it without a needed extra, uv repeats it in the project's environment.

    Scripts import what they need before they read or write anything.
    """
    try:
        return run() or 0
    except MissingExtraError as error:
        uv = os.environ.get("UV")
        # uv counts how deeply it runs itself: in the repetition the extra is there, or never will be.
        first = os.environ.get("UV_RUN_RECURSION_DEPTH") == "1"
        if not (uv and first and (PROJECT / "pyproject.toml").is_file()):
            raise
        reason = str(error).partition(" Run: ")[0]
        print(f"note: {reason} uv adds it to the project's environment, and runs there.", file=sys.stderr, flush=True)
        command = [uv, "run", "--project", str(PROJECT), "--no-dev", "--extra", error.extra, "python", *sys.argv]
        variables = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        if os.name == "posix":
            os.execve(uv, command, variables)  # signals reach it
        import subprocess

        return subprocess.call(command, env=variables)


def _with_option(error: FaceKitError, parser: Parser | None) -> str:
    """The message, followed by the option that sets the argument at fault."""
    actions = parser.all_actions() if parser else []
    options = next((action.option_strings for action in actions if action.dest == error.argument), [])
    return f"{str(error).rstrip('.')} ({options[0]})." if options else str(error)


def _with_command(interrupted: Interrupted) -> str:
    """Says how a run that was interrupted is resumed, by the program that ran this script."""
    if interrupted.resume is None:
        return "interrupted"
    program = [Parser.command] if Parser.command else [sys.orig_argv[0], sys.argv[0]]
    return f"interrupted. Continue with: {shlex.join([*program, '--resume', interrupted.resume])}"


def _say(error: object, status: int) -> int:
    with suppress(OSError):  # a terminal that is closed
        print(f"error: {error}", file=sys.stderr)
    return status


def with_progress(items: Iterable[Item], description: str, total: int) -> Iterator[Item]:
    """Yields items, and shows on a terminal how far they are; the bar makes room for what is printed of each."""
    if total < 2 or not sys.stderr.isatty():
        yield from items
        return
    from tqdm import tqdm

    with tqdm(desc=description, total=total, leave=False, unit="") as bar:
        for item in items:
            bar.clear()
            yield item
            bar.n += 1
            bar.refresh()


def names(text: str) -> list[str]:
    """Parses comma-separated names."""
    return [name.strip() for name in text.split(",") if name.strip()]


def output_path(text: str) -> Path:
    """Parses the path of an output: an empty one, as of a variable that is not set, would be the working folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"must name a file or folder. Received: {text!r}")
    return Path(text)


def seconds(text: str) -> float:
    """Parses a time above zero such as 5, 0.5s, 500ms, 2m or 1h, in seconds."""
    units = {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600}
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+) *(ms|s|m|h|)", text.strip())
    if not match or not float(match[1]):
        raise argparse.ArgumentTypeError(f"must be a time above zero such as 5s, 500ms or 2m. Received: {text!r}")
    return float(match[1]) * units[match[2]]


def add_estimator_options(
    parser: argparse.ArgumentParser, *, smallest: str = "60, or a fortieth of a longer side over 2400 px"
) -> None:
    """Adds the options of a `FaceEstimator`; `smallest` says which faces are found by default."""
    parser.add_argument(
        "--weights",
        nargs="+",
        metavar="FILE",
        help="weights with their card, one file or several .h5 (default: those shipped)",
    )
    parser.add_argument(
        "--detector",
        default="blazeface",
        metavar="NAME",
        help="blazeface (default), hog (upright faces), cnn (slow) or whole_image",
    )
    parser.add_argument(
        "--landmarks",
        type=int,
        metavar="N",
        help="5 or 68 points to align by (default: as for training, 5 for the shipped weights); the licence of the 68 "
        "excludes commercial use",
    )
    parser.add_argument("--heads", type=names, metavar="NAMES", help="e.g. age,gender to leave race out (default: all)")
    parser.add_argument(
        "--min-face",
        type=int,
        metavar="PIXELS",
        help=f"width of the smallest faces to find (default: {smallest})",
    )
    parser.add_argument(
        "--runtime", default="auto", metavar="NAME", help="what computes: openvino, keras or auto (default)"
    )


def min_face_note(pixels: int) -> str:
    """Says which faces were too small by default, and how to find them."""
    return f"Faces under {pixels} px were not searched for: --min-face {pixels // 2} finds smaller ones, in more time."


def add_dataset_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that name labelled faces."""
    parser.add_argument(
        "--dataset", metavar="NAME", help="utkface (default), or another that `face_data.py list` names"
    )
    parser.add_argument(
        "--data",
        action="append",
        metavar="PATH",
        help="folder, .tar, .tar.gz, .tar.xz or .zip of the data set, .csv table (path, age, gender, race) or prepared "
        ".h5 (default: train_data/UTKFace*); NAME=PATH for each of several data sets",
    )
    parser.add_argument(
        "--detector",
        metavar="NAME",
        help="whole_image if the pictures are aligned chips (default, unless the weights were trained with another, or "
        "the data set needs one); blazeface, hog or cnn to cut the faces out of photographs",
    )


def make_estimator(args: argparse.Namespace, *, min_score: float | None = None) -> "FaceEstimator":
    """Makes the estimator that the options describe; `min_score` is as for `FaceEstimator`."""
    # Answering multiplies no large matrices in NumPy, and starting its threads takes a tenth of a second of CPU time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from facekit.estimator import FaceEstimator

    return FaceEstimator(**estimator_arguments(args), min_score=min_score)


def estimator_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Returns the arguments of `FaceEstimator` that the options give."""
    return {name: getattr(args, name) for name in ("weights", "detector", "landmarks", "heads", "min_face", "runtime")}
