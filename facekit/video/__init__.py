"""Annotates cameras, video files and streams: in a window, in files, or both."""

from facekit.core.lazy_imports import from_extra, import_cv2

# OpenCV must load before PyAV: both bundle libxcb, and OpenCV's first window hangs forever if PyAV's copy loads first.
# Modules of this package may therefore import cv2 and av in any order.
import_cv2()

with from_extra("video"):
    from facekit.video.annotate import annotate_video
from facekit.video.options import VideoOptions  # noqa: E402
from facekit.video.report import VideoReport  # noqa: E402
from facekit.video.sources.cameras import list_cameras  # noqa: E402

__all__ = ["VideoOptions", "VideoReport", "annotate_video", "list_cameras"]
