"""Estimates age, gender and race of the faces in photographs, draws them, and writes them down."""
# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["facekit"]
# [tool.uv.sources]
# facekit = { path = ".", editable = true }
# ///

import sys
from functools import partial
from pathlib import Path

from facekit.cli import Parser, add_estimator_options, main, make_estimator, with_progress
from facekit.core.files import PROJECT, is_one_of, write_text

parser = Parser(__doc__)
parser.add_argument("paths", nargs="*", metavar="PATH", help="photographs, folders or patterns (default: demo_images)")
add_estimator_options(parser)
parser.add_argument("--recursive", action="store_true", help="also search the subfolders of each folder")
parser.add_argument(
    "--min-score",
    type=float,
    metavar="SCORE",
    help="lowest score of a face that the detector finds, e.g. 0.8 (default: the detector's own)",
)
parser.add_argument(
    "--output", default="demo_output", metavar="DIR", help="for the drawn pictures (default: %(default)s)"
)
parser.add_argument("--language", default="en", metavar="NAME", help="of the captions: en (default) or zh")
parser.add_argument("--blur", action="store_true", help="make the faces that are found unrecognisable")
parser.add_argument("--json", metavar="FILE", help="write the estimates as JSON; - for stdout")
parser.add_argument("--csv", metavar="FILE", help="write the estimates as a table for spreadsheets; - for stdout")
parser.add_argument("--show", action="store_true", help="open each drawn picture in the system's viewer")
parser.add_argument("--quiet", action="store_true", help="print no table")
parser.add_argument(
    "--workers", type=int, metavar="N", help="processes (default: one for 30 photographs, at most one a core)"
)


def run() -> int:
    args = parser.parse_args()
    if args.json == args.csv == "-":
        parser.error("only one of --json and --csv can go to stdout")
    estimator = make_estimator(args, min_score=args.min_score)
    from facekit.faces.images import find_pictures

    given = args.paths or [str(PROJECT / "demo_images")]
    paths = find_pictures(given, recursive=args.recursive, skipped=[args.output, parser.get_default("output")])
    for file in filter(None, (args.json, args.csv)):
        if is_one_of(file, paths):
            parser.error(f"{file} is a photograph that is read, and would be lost. Choose another name.")
    from facekit.annotation import Annotated, Table, annotate, summary, to_csv, to_json
    from facekit.drawing.viewer import show_picture
    from facekit.parallel import count_cores

    workers = max(1, min(count_cores(), len(paths) // 30)) if args.workers is None else args.workers
    show = args.show and can_show()
    say = partial(print, file=sys.stderr if "-" in (args.json, args.csv) else sys.stdout, flush=True)
    table = Table(paths, estimator.heads)
    results: list[Annotated] = []
    try:
        annotated = annotate(paths, estimator, Path(args.output), args.language, blur=args.blur, workers=workers)
        for result in with_progress(annotated, "Photographs", len(paths)):
            if not args.quiet:
                if not results:
                    say(table.header)
                say(table.rows(result))
            elif result.error:
                print(f"error: {result.error}", file=sys.stderr)
            results.append(result)
            if show and result.drawn:
                show_picture(result.drawn)
    finally:  # also after Ctrl-C: what is done is not lost
        if args.json and results:
            write_text(args.json, to_json(results))
        if args.csv and results:
            write_text(args.csv, to_csv(results, estimator.heads))
    if not args.quiet:
        say(summary(results, Path(args.output)))
    was_told = any(result.was_read for result in results) and (args.json or args.csv)
    return 0 if was_told or any(result.drawn for result in results) else 1


def can_show() -> bool:
    """Tells whether pictures can be shown, and prints a note if not."""
    from facekit.drawing.viewer import missing_viewer

    if missing := missing_viewer():
        print(f"note: {missing}: the pictures are drawn, but not shown.", file=sys.stderr)
    return not missing


if __name__ == "__main__":
    main(run, parser)
