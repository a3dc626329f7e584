"""Makes video.jpg: frames of a synthetic clip as face_video_demo.py writes them."""

import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from clips import clip, write_clip  # noqa: E402

from facekit import FaceEstimator  # noqa: E402
from facekit.video import VideoOptions, annotate_video  # noqa: E402
from facekit.video.sources import open_source  # noqa: E402

INDICES = (45, 75, 105, 135)
SIZE = (480, 360)

with tempfile.TemporaryDirectory() as folder:
    source, drawn = Path(folder) / "clip.mp4", Path(folder) / "drawn.mp4"
    write_clip(clip("passing", seconds=6), source)
    annotate_video(source, FaceEstimator(), VideoOptions(show=False, output=drawn))
    with open_source(drawn) as video:
        pictures = [Image.fromarray(frame.picture) for frame in video if frame.index in INDICES]
sheet = Image.new("RGB", (SIZE[0] * 2 + 4, SIZE[1] * 2 + 4), "white")
for index, picture in enumerate(pictures):
    sheet.paste(
        picture.resize(SIZE, Image.Resampling.LANCZOS), ((SIZE[0] + 4) * (index % 2), (SIZE[1] + 4) * (index // 2))
    )
sheet.save(ROOT / "docs" / "video.jpg", quality=88)
