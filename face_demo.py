"""Estimates age, gender and race of the faces in photographs, draws them, and writes them down."""

import sys
from functools import partial
from pathlib import Path

from facekit.cli import Parser, add_estimator_options, main, make_estimator
from facekit.core.files import PROJECT, is_one_of, write_text

parser = Parser(__doc__)
parser.add_argument("paths", nargs="*", metavar="PATH", help="photographs, folders or patterns (default: demo_images)")
add_estimator_options(parser)
parser.add_argument(
    "--output", default="demo_output", metavar="DIR", help="for the drawn pictures (default: %(default)s)"
)
parser.add_argument("--language", default="en", metavar="NAME", help="of the captions: en (default) or zh")
parser.add_argument("--json", metavar="FILE", help="write the estimates as JSON; - for stdout")
parser.add_argument("--csv", metavar="FILE", help="write the estimates as a table for spreadsheets; - for stdout")
parser.add_argument("--show", action="store_true", help="open each drawn picture in the system's viewer")
parser.add_argument("--quiet", action="store_true", help="print no table")


def run() -> int:
    args = parser.parse_args()
    if args.json == args.csv == "-":
        parser.error("only one of --json and --csv can go to stdout")
    estimator = make_estimator(args)
    from facekit.faces.images import find_pictures

    paths = find_pictures(args.paths or [str(PROJECT / "demo_images")])
    for table in filter(None, (args.json, args.csv)):
        if is_one_of(table, paths):
            parser.error(f"{table} is a photograph that is read, and would be lost. Choose another name.")
    from facekit.annotation import Annotated, annotate, table_header, table_rows, to_csv, to_json

    say = partial(print, file=sys.stderr if "-" in (args.json, args.csv) else sys.stdout, flush=True)
    results: list[Annotated] = []
    try:
        for result in annotate(paths, estimator, Path(args.output), args.language):
            if not args.quiet:
                if not results:
                    say(table_header(paths, estimator.heads))
                say(table_rows(result, paths))
            elif result.error:
                print(f"error: {result.error}", file=sys.stderr)
            results.append(result)
            if args.show and result.drawn:
                show(result.drawn)
    finally:  # also after Ctrl-C: what is done is not lost
        if args.json and results:
            write_text(args.json, to_json(results))
        if args.csv and results:
            write_text(args.csv, to_csv(results, estimator.heads))
    drawn = [result for result in results if result.drawn]
    if drawn and not args.quiet:
        say(f"{len(drawn)} drawn in {args.output}. All figures are estimates of appearance, in years and percent.")
    was_told = any(result.was_read for result in results) and (args.json or args.csv)
    return 0 if drawn or was_told else 1


def show(path: Path) -> None:
    from PIL import Image

    with Image.open(path) as image:
        image.show(title=path.name)


if __name__ == "__main__":
    main(run, parser)
