"""What a person at the window sees and can do: the pace, the figures, the keys."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from facekit.core.errors import FaceKitError
from facekit.drawing.photographs import LANGUAGES
from facekit.faces.images import Picture
from facekit.video.captures.captures import Captures
from facekit.video.display.hud import Hud
from facekit.video.display.overlay import Overlay
from facekit.video.display.window import Window
from facekit.video.frames import Scene
from facekit.video.pipeline import Pipeline
from facekit.video.sinks.recorder import Recorder
from facekit.video.sources.source import print_note

RATE_OVER = 30  # frames over which their rate is taken
LONGEST_LOOK = 0.1  # seconds for which a picture is shown until keys and signals are heard
PAUSE_STEP = 0.05  # the same while it is paused
KEYS = (
    ("Q, Esc", "leave"),
    ("Space", "capture"),
    ("p", "pause"),
    ("r", "record"),
    ("l", "language"),
    ("h", "help"),
)


class Viewer:
    """Shows scenes in a window at the pace of their source, and does what its keys say.

    Args:
        window: where.
        overlay: draws what the window shows over the picture; its language is changed by `l`.
        recorder: what `r` starts and stops.
        captures: gives what space adds to, when it is first asked for.
        is_live: whether the source has a pace of its own.
        pipeline: which knows what was dropped, when nothing comes, and when all is to stop.
    """

    def __init__(
        self,
        window: Window,
        overlay: Overlay,
        recorder: Recorder,
        captures: Callable[[], Captures],
        *,
        is_live: bool,
        pipeline: Pipeline,
    ) -> None:
        self._window, self._overlay, self._recorder = window, overlay, recorder
        self._captures, self._is_live, self._pipeline = captures, is_live, pipeline
        pipeline.idle = self.wait
        self._last: tuple[Scene, Picture] | None = None
        self._hud = Hud()
        self._shown: deque[float] = deque(maxlen=RATE_OVER)  # when, seconds
        self._started = 0.0  # when the frame of time 0 was shown, or would have been
        self._goes_on = True
        self._missed = 0  # frames that were dropped while it was paused: nobody wanted them
        self._keys: dict[str, Callable[[Scene, Picture], None]] = {
            "q": self._leave,
            "esc": self._leave,
            " ": self._capture,
            "p": self._toggle_pause,
            "r": self._toggle_recording,
            "l": self._next_language,
            "h": self._toggle_help,
        }

    def show(self, scene: Scene, drawn: Picture) -> bool:
        """Shows a scene, as long as the source's pace and the user want. False if the user leaves."""
        now = time.monotonic()
        if not self._shown or now > self._started + scene.frame.time:  # too late: all that follows is later
            self._started = now - scene.frame.time
        self._shown.append(now)
        self._hud = replace(
            self._hud,
            fps=self._rate(),
            latency=now - scene.frame.captured if self._is_live else None,
            dropped=self._pipeline.dropped - self._missed,
            recording=self._recorder.is_recording,
        )
        due = now if self._is_live else self._started + scene.frame.time
        while self._goes_on and not self._hud.paused and due - time.monotonic() > LONGEST_LOOK:
            self._look(scene, drawn, LONGEST_LOOK)
        self._look(scene, drawn, due - time.monotonic())
        if self._hud.paused:
            self._pause(scene, drawn)
        self._last = scene, drawn
        return self._goes_on

    def wait(self) -> bool:
        """Keeps the window alive while no scene comes, as where a camera is gone. False if the user leaves."""
        if self._last:
            self._look(*self._last, 0.0)
        return self._goes_on

    def _pause(self, scene: Scene, drawn: Picture) -> None:
        dropped = self._pipeline.dropped
        while self._hud.paused and self._goes_on:
            self._look(scene, drawn, PAUSE_STEP)
        self._missed += self._pipeline.dropped - dropped
        self._shown.clear()

    def _look(self, scene: Scene, drawn: Picture, seconds: float) -> None:
        """Shows it for so long, or until a key is pressed."""
        self._window.show(self._overlay.draw_hud(drawn, scene, self._hud))
        key = self._window.key(seconds)
        if key in self._keys:
            try:
                self._keys[key](scene, drawn)
            except FaceKitError as error:  # the picture goes on; what a key cannot do is no reason to end
                print_note(str(error))
        self._goes_on = self._goes_on and self._window.is_open and not self._pipeline.is_stopped

    def _rate(self) -> float | None:
        """Frames a second, lately."""
        if len(self._shown) < 2:
            return None
        return (len(self._shown) - 1) / max(1e-6, self._shown[-1] - self._shown[0])

    def _leave(self, scene: Scene, drawn: Picture) -> None:
        self._goes_on = False

    def _capture(self, scene: Scene, drawn: Picture) -> None:
        self._captures().take(scene, drawn)
        self._hud = replace(self._hud, captured=self._hud.captured + 1)

    def _toggle_pause(self, scene: Scene, drawn: Picture) -> None:
        self._hud = replace(self._hud, paused=not self._hud.paused)

    def _toggle_recording(self, scene: Scene, drawn: Picture) -> None:
        self._recorder.toggle()
        self._hud = replace(self._hud, recording=self._recorder.is_recording)

    def _toggle_help(self, scene: Scene, drawn: Picture) -> None:
        self._hud = replace(self._hud, help=not self._hud.help)

    def _next_language(self, scene: Scene, drawn: Picture) -> None:
        names = list(LANGUAGES)
        self._overlay.language = names[(names.index(self._overlay.language) + 1) % len(names)]
