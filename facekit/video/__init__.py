"""Camera, video file, stream -> frames with the estimates drawn in: in a window, in files, or both."""

from facekit.video.annotate import VideoReport, annotate_video
from facekit.video.options import VideoOptions

__all__ = ["VideoOptions", "VideoReport", "annotate_video"]
