"""Estimates age, gender and race of the faces in a video or before a camera, and draws them into the frames."""

import sys
from pathlib import Path

from facekit.cli import Parser, add_estimator_options, main, make_estimator

parser = Parser(__doc__)
parser.add_argument("--source", default="0", metavar="N|FILE", help="a camera's number or a video file (default: 0)")
parser.add_argument("--output", metavar="FILE.mp4", help="write a video (default: a window, which q closes)")
add_estimator_options(parser)
parser.add_argument("--language", default="en", metavar="NAME", help="of the captions: en (default) or zh")


def run() -> int:
    args = parser.parse_args()
    estimator = make_estimator(args)
    from facekit.video import annotate_video

    report = annotate_video(args.source, estimator, args.output, args.language)
    if args.output and report.output != Path(args.output):
        print(f"{args.output} exists and is kept.", file=sys.stderr)
    print(report, file=sys.stderr)
    return 130 if report.interrupted else 0


if __name__ == "__main__":
    main(run)
