"""Estimates age, gender and race of the faces in a video or before a camera, follows them, and draws them."""

import sys
from argparse import ArgumentTypeError
from pathlib import Path

from facekit.cli import Parser, add_estimator_options, main, make_estimator, seconds


def width_by_height(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ArgumentTypeError(f"must be like 1280x720. Received: {text!r}")
    return int(width), int(height)


parser = Parser(__doc__)
parser.add_argument(
    "--source",
    default="0",
    metavar="FROM",
    help="a camera's number, a video, rtsp://…, http://… or a folder of frames",
)
add_estimator_options(parser, smallest="80, or a twelfth of a longer side over 960 px")
view = parser.add_argument_group("what is shown")
view.add_argument("--no-show", dest="show", action="store_false", help="open no window")
view.add_argument("--language", default="en", metavar="NAME", help="of the captions: en (default) or zh")
view.add_argument("--mirror", action="store_true", help="flip the picture, as a mirror does")
view.add_argument("--camera-size", type=width_by_height, metavar="WxH", help="what to ask a camera for, e.g. 1280x720")
follow = parser.add_argument_group("how faces are followed")
follow.add_argument("--detect-every", type=int, metavar="N", help="search in every N-th frame (default: 5 a second)")
follow.add_argument(
    "--smoothing",
    type=float,
    default=30.0,
    metavar="SECONDS",
    help="after which what was seen counts for a third (default: 30); 0: each estimate stands alone",
)
follow.add_argument("--max-faces", type=int, metavar="N", help="the most to follow at a time (default: all)")
write = parser.add_argument_group("what is written")
write.add_argument("--output", type=Path, metavar="FILE.mp4", help="the video with the estimates drawn in")
write.add_argument("--jsonl", metavar="FILE", help="a line of JSON a frame; - for stdout")
write.add_argument("--summary", type=Path, metavar="FILE.csv", help="a table of those seen, and a timeline beside it")
write.add_argument("--capture-to", metavar="WHERE", help="folder or s3://bucket/prefix (default: captures)")
write.add_argument("--capture-every", type=seconds, metavar="TIME", help="capture a frame every so often, e.g. 5s")
write.add_argument("--capture-faces", action="store_true", help="capture the best picture of each face")
write.add_argument("--s3-endpoint", metavar="URL", help="of a server that speaks S3 (default: Amazon's)")
write.add_argument("--s3-encryption", metavar="HOW", help="on the server: AES256, aws:kms or aws:kms:KEY")


def run() -> int:
    args = parser.parse_args()
    from facekit.video.options import VideoOptions

    wanted = {name: value for name, value in vars(args).items() if name in VideoOptions.__dataclass_fields__}
    options = VideoOptions(**wanted)
    estimator = make_estimator(args)
    from facekit.video import annotate_video

    report = annotate_video(args.source, estimator, options)
    if args.output and args.output not in report.files:
        print(f"{args.output} exists and is kept.", file=sys.stderr)
    print(report, file=sys.stderr)
    print(report.tracks, file=sys.stderr if args.jsonl == "-" else sys.stdout)
    return 130 if report.interrupted else 0


if __name__ == "__main__":
    main(run, parser)
