"""Camera or video file -> frames with the estimates drawn in, in a window or a video file."""

from facekit.video.annotate import VideoReport, annotate_video

__all__ = ["VideoReport", "annotate_video"]
