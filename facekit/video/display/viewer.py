"""Interactive viewer: playback speed, figures and keys."""

import time
from collections import deque
from collections.abc import Callable

from facekit.core.errors import FaceKitError
from facekit.drawing.languages import LANGUAGES
from facekit.faces.images import Picture
from facekit.video.captures.captures import Captures
from facekit.video.display.hud import Hud
from facekit.video.display.overlay import Overlay
from facekit.video.display.window import Window
from facekit.video.frames import Scene
from facekit.video.pipeline import Pipeline
from facekit.video.sinks.recorder import Recorder
from facekit.video.sources.source import Source, print_note

RATE_WINDOW_FRAMES = 30  # frames over which the rate is measured
KEY_POLL_SECONDS = 0.1  # longest time for which keys and signals go unnoticed
PAUSE_POLL_SECONDS = 0.05  # the same while paused
KEYS = (("Q, Esc", "leave"), ("Space", "capture"), ("p", "pause"), ("r", "record"), ("l", "language"), ("h", "help"))


class Viewer:
    """Shows scenes in a window at the speed of their source, and handles keys. `captures` opens them at first use."""

    def __init__(
        self,
        window: Window,
        overlay: Overlay,
        recorder: Recorder,
        captures: Callable[[], Captures],
        source: Source,
        pipeline: Pipeline,
    ) -> None:
        self._window, self._overlay, self._recorder = window, overlay, recorder
        self._captures, self._source, self._pipeline = captures, source, pipeline
        pipeline.on_idle = self.refresh
        self._last: tuple[Scene, Picture] | None = None
        self._hud = Hud()
        self._show_times: deque[float] = deque(maxlen=RATE_WINDOW_FRAMES)  # seconds
        self._start = 0.0  # clock time of frame time 0
        self._is_running = True

    def show(self, scene: Scene, drawn: Picture) -> bool:
        """Shows a scene until its presentation time ends. False once the user leaves."""
        now = time.monotonic()
        if not self._show_times or now > self._start + scene.frame.time:  # late: delays all later frames
            self._start = now - scene.frame.time
        self._show_times.append(now)
        self._hud.fps, self._hud.dropped = self._rate(), self._pipeline.dropped
        self._hud.latency = now - scene.frame.captured if self._source.is_live else None
        due = now if self._source.is_live else self._start + scene.frame.time
        while self._is_running and not self._hud.paused and due - time.monotonic() > KEY_POLL_SECONDS:
            self._show_for(scene, drawn, KEY_POLL_SECONDS)
        self._show_for(scene, drawn, due - time.monotonic())
        if self._hud.paused:
            self._pause(scene, drawn)
        self._last = scene, drawn
        return self._is_running

    def refresh(self) -> bool:
        """Keeps the window responsive while no scene arrives, e.g. from a lost camera. False once the user leaves."""
        if self._last:
            self._show_for(*self._last, 0.0)
        return self._is_running

    def _pause(self, scene: Scene, drawn: Picture) -> None:
        dropped = self._pipeline.dropped
        while self._hud.paused and self._is_running:
            self._show_for(scene, drawn, PAUSE_POLL_SECONDS)
        self._pipeline.dropped = dropped  # nobody missed what came meanwhile
        self._show_times.clear()

    def _show_for(self, scene: Scene, drawn: Picture, seconds: float) -> None:
        """Shows a scene for a time or until a key is pressed, and handles the key."""
        self._hud.seconds_lost, self._hud.recording = self._source.seconds_lost(), self._recorder.is_recording
        if self._hud.seconds_lost:
            self._show_times.clear()
        self._window.show(self._overlay.draw_hud(drawn, scene, self._hud))
        try:
            self._press(self._window.key(seconds), scene, drawn)
        except FaceKitError as error:  # a failed key does not end the video
            print_note(str(error))
        self._is_running = self._is_running and self._window.is_open and not self._pipeline.stop.is_set()

    def _rate(self) -> float | None:
        """Measures the recent frames per second."""
        if len(self._show_times) < 2:
            return None
        return (len(self._show_times) - 1) / max(1e-6, self._show_times[-1] - self._show_times[0])

    def _press(self, key: str | None, scene: Scene, drawn: Picture) -> None:
        if key in ("q", "esc"):
            self._is_running = False
        elif key == " ":
            self._captures().take(scene, drawn)
            self._hud.captured += 1
        elif key == "p":
            self._hud.paused = not self._hud.paused
        elif key == "r":
            self._recorder.toggle()
        elif key == "l":
            names = list(LANGUAGES)
            self._overlay.language = names[(names.index(self._overlay.language) + 1) % len(names)]
        elif key == "h":
            self._hud.help = not self._hud.help
