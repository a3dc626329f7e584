"""Tracks the faces in a video or before a camera, estimates their age, gender and race, and draws the results."""
# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["facekit[video]"]
# [tool.uv.sources]
# facekit = { path = ".", editable = true }
# ///

import sys
from argparse import ArgumentTypeError
from pathlib import Path

from facekit.cli import Parser, add_estimator_options, main, make_estimator, min_face_note, seconds


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
    help="camera (number, path or name), video file, rtsp://…, http://… or folder of frames",
)
parser.add_argument("--list-cameras", action="store_true", help="list the cameras and exit")
parser.add_argument("--every", type=int, default=1, metavar="N", help="process every N-th frame only")
parser.add_argument("--rtsp-transport", metavar="NAME", help="tcp or udp (default: tcp, else udp)")
add_estimator_options(parser, smallest="live 1/10 of the longer side, else 1/20")
view = parser.add_argument_group("display")
view.add_argument("--no-show", dest="show", action="store_false", help="open no window")
view.add_argument("--language", default="en", metavar="NAME", help="language of the captions: en (default) or zh")
view.add_argument("--mirror", action="store_true", help="flip the picture horizontally")
view.add_argument("--blur", action="store_true", help="make faces unrecognisable wherever they are shown or written")
view.add_argument(
    "--camera-size", type=width_by_height, metavar="WxH", help="size to request from a camera, e.g. 1280x720"
)
track = parser.add_argument_group("tracking")
track.add_argument("--detect-every", type=int, metavar="N", help="search every N-th frame (default: 10 per second)")
track.add_argument(
    "--smoothing",
    type=float,
    default=30.0,
    metavar="SECONDS",
    help="time after which an observation counts for a third (default: 30); 0 for no averaging",
)
track.add_argument("--max-faces", type=int, metavar="N", help="largest number of faces tracked at once (default: all)")
write = parser.add_argument_group("output")
write.add_argument("--output", type=Path, metavar="FILE.mp4", help="annotated video")
write.add_argument("--jsonl", metavar="FILE", help="one line of JSON per frame; - for stdout")
write.add_argument("--summary", type=Path, metavar="FILE.csv", help="table of the tracks, with a timeline beside it")
write.add_argument(
    "--capture-to", metavar="WHERE", help="folder or s3://bucket/prefix for captures (default: captures)"
)
write.add_argument("--capture-every", type=seconds, metavar="TIME", help="time between captured frames, e.g. 5s")
write.add_argument("--capture-faces", action="store_true", help="capture the best picture of each face")
write.add_argument("--s3-endpoint", metavar="URL", help="S3-compatible server (default: Amazon S3)")
write.add_argument("--s3-encryption", metavar="HOW", help="server-side encryption: AES256, aws:kms or aws:kms:KEY")


def run() -> int:
    args = parser.parse_args()
    if args.list_cameras:
        from facekit.video import list_cameras

        cameras = list(map(str, list_cameras()))
        print(*cameras or ["No camera was found. Connect one."], sep="\n", file=None if cameras else sys.stderr)
        return 0
    from facekit.video.options import VideoOptions

    wanted = {name: value for name, value in vars(args).items() if name in VideoOptions.__dataclass_fields__}
    options = VideoOptions(**wanted)
    estimator = make_estimator(args)
    from facekit.video import annotate_video

    report = annotate_video(args.source, estimator, options)
    if args.output and args.output not in report.files:
        print(f"{args.output} exists and is kept.", file=sys.stderr)
    if report.smallest_face:
        print(min_face_note(report.smallest_face), file=sys.stderr)
    print(report, file=sys.stderr)
    print(report.tracks, file=sys.stderr if args.jsonl == "-" else sys.stdout)
    return 130 if report.interrupted else 0


if __name__ == "__main__":
    main(run, parser)
