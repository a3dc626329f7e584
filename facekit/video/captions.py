"""Captions that the display and the timeline share."""

from facekit.heads.head import Line

PENDING_CAPTION: tuple[Line, ...] = (("…", ""),)  # of a face without estimates


def track_tag(track: int) -> str:
    """Returns a track's number as it is drawn."""
    return f"#{track}"
