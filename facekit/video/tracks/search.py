"""Face search in those frames in which it is due."""

from functools import lru_cache, partial

from facekit.faces.detectors import Detection, find_detector, make_detector
from facekit.video.frames import Frame
from facekit.video.tracks.config import TrackingConfig


class PeriodicSearch:
    """Finds the faces of a frame, if a search is due. Frames must come in order, from one thread.

    Large faces are searched for often, small ones, which take longer, now and then.

    Args:
        detector: one of facekit.faces.detectors.DETECTORS.
        min_face: width of the smallest face to find, pixels; None for a tenth of the frame's longer side,
            or what a slow detector chooses.
        every: frames from one search to the next; None for several a second.
        config: parameters.

    Raises:
        UnknownNameError: if the detector is unknown.
        UsageError: if min_face is less than 1.
    """

    def __init__(self, detector: str, min_face: int | None, every: int | None, config: TrackingConfig) -> None:
        make_detector(detector, min_face)  # refuses a wrong value now
        self._is_fast = find_detector(detector).is_fast
        self._detector = lru_cache(4)(partial(make_detector, detector))
        self._min_face, self._every, self._config = min_face, every, config
        self._last = self._last_close = -1, 0.0  # index and time of the last search, and of the last for small faces

    def find(self, frame: Frame, is_cut: bool) -> list[Detection] | None:
        """Finds the faces of a frame, from left to right; None if no search is due. After a cut, one is."""
        config, now = self._config, (frame.index, frame.time)
        if frame.index <= self._last[0]:  # the source restarted
            self._last = self._last_close = -1, 0.0
        period = config.search_seconds if self._is_fast else config.slow_search_seconds
        if not self._is_due(self._last, frame, period) and not (is_cut and self._is_fast):
            return None
        self._last = now
        if not self._is_fast:
            return self._detector(self._min_face)(frame.picture)
        if is_cut or self._is_due(self._last_close, frame, config.close_search_seconds):
            self._last_close = now
            return self._detector(self._min_face or self._large(frame))(frame.picture)
        return self.find_now(frame)

    def find_now(self, frame: Frame) -> list[Detection] | None:
        """Finds the large faces of a frame, whether or not a search is due; None if that would take long."""
        if not self._is_fast:
            return None
        return self._detector(max(self._large(frame), self._min_face or 0))(frame.picture)

    def _large(self, frame: Frame) -> int:
        """Returns the width of the smallest face that is not small, pixels."""
        return max(1, max(frame.picture.shape[:2]) // self._config.large_faces_per_side)

    def _is_due(self, last: tuple[int, float], frame: Frame, period: float) -> bool:
        index, time = last
        if index < 0:
            return True
        if self._every is not None:
            return frame.index - index >= self._every
        return frame.time - time >= period - self._config.rounding_seconds
