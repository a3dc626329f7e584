"""Face search in those frames in which it is due."""

from facekit.faces.detectors import Detection, Detector, find_detector, make_detector
from facekit.video.frames import Frame
from facekit.video.tracks.config import TrackingConfig


class PeriodicSearch:
    """Finds the faces of a frame, if a search is due. Frames must come in order, from one thread.

    Args:
        detector: one of facekit.faces.detectors.DETECTORS.
        min_face: width of the smallest face to find, pixels; None for a twentieth of the frame's longer side.
        every: frames from one search to the next; None for several a second.
        config: parameters.

    Raises:
        UnknownNameError: if the detector is unknown.
        UsageError: if min_face is less than 1.
    """

    def __init__(self, detector: str, min_face: int | None, every: int | None, config: TrackingConfig) -> None:
        make_detector(detector, min_face)  # refuses a wrong value now
        entry = find_detector(detector)
        self._name, self._min_face, self._every, self._config = detector, min_face, every, config
        self._period = config.search_seconds if entry.is_fast else config.slow_search_seconds
        self._is_fast = entry.is_fast
        self._detectors: dict[int, Detector] = {}
        self._last: Frame | None = None

    def is_due(self, frame: Frame, is_urgent: bool) -> bool:
        """Tells whether it is time for a search, or, with a fast detector, one is urgent."""
        last = self._last
        if last is None or frame.index <= last.index or (is_urgent and self._is_fast):  # the source may have restarted
            return True
        if self._every is not None:
            return frame.index - last.index >= self._every
        return frame.time - last.time >= self._period - 0.005  # rounded times must not cost a frame

    def find(self, frame: Frame) -> list[Detection]:
        """Finds the faces of a frame, from left to right."""
        self._last = Frame(frame.index, frame.time, frame.picture[:0], frame.captured)  # without its pixels
        smallest = self._min_face or max(1, max(frame.picture.shape[:2]) // self._config.faces_per_side)
        if smallest not in self._detectors:
            self._detectors = {smallest: make_detector(self._name, smallest)}
        return self._detectors[smallest](frame.picture)
