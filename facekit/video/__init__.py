"""Camera, video file, stream -> frames with the estimates drawn in: in a window, in files, or both."""

from facekit.core.opencv import import_cv2

# Before PyAV: both bring libxcb, and where PyAV's is loaded first, OpenCV's first window hangs for ever.
import_cv2()

from facekit.video.annotate import VideoReport, annotate_video  # noqa: E402
from facekit.video.options import VideoOptions  # noqa: E402

__all__ = ["VideoOptions", "VideoReport", "annotate_video"]
