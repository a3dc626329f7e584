"""Copies the sound of a video file into a written video, in step with the pictures."""

from collections.abc import Iterator
from contextlib import suppress
from math import ceil, inf
from typing import Any

import av
from av.bitstream import BitStreamFilterContext

from facekit.video.sources.decoding import CLOCK_RESET_SECONDS
from facekit.video.sources.source import Source, print_note
from facekit.video.sources.stream import OPTIONS

COPIED = {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}  # codecs that players expect in an .mp4 file
LAYOUTS = {"mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1"}  # channels that the AAC encoder takes
DEFAULT_RATE, DEFAULT_LAYOUT = 48000, "stereo"  # of encoded sound, if the encoder does not take the source's
MAX_LEAD_SECONDS = 10.0  # time that sound may begin before the first picture; longer ones come from damage
MAX_DELAY_SECONDS = 1.0  # time that sound may begin after it: without a packet of each stream, a file has no header
PRIMING_SECONDS = 0.1  # of sound before time 0, which players skip: the first packets only prepare a decoder
TIMEOUT_SECONDS = 30.0  # for a server


class Sound:
    """The sound of a source, read from its file a second time, up to the time of each written picture.

    Streams are copied if .mp4 allows their codec, otherwise encoded as AAC. An error ends the sound, not the video.

    Attributes:
        lead: time that the sound begins before the first picture, seconds.
    """

    def __init__(self, source: Source) -> None:
        self._name, self._start = source.name, source.start
        self._container: Any = None
        self._streams: list[Any] = []
        self._tracks: dict[int, _Track] = {}  # by the stream's index
        self._packets: Iterator[tuple[float, _Track, Any]] = self._read()
        self._next: tuple[float, _Track, Any] | None = None  # time after the source's first picture, track, packet
        self._has_begun, self._first = False, 0.0  # time of the first written picture
        if source.sound:
            try:
                self._container = av.open(
                    source.sound, options=OPTIONS, timeout=TIMEOUT_SECONDS, metadata_errors="replace"
                )
                # A stream without packets has no start.
                self._streams = [each for each in self._container.streams.audio if each.start_time is not None]
            except (OSError, ValueError, av.FFmpegError) as error:
                self._lose(error)
        starts = [float(each.start_time * each.time_base) - self._start for each in self._streams]
        self.lead = min(MAX_LEAD_SECONDS, -min([0.0, *starts]))
        self._late = {  # stream's index -> its start after the first picture, seconds
            each.index: start for each, start in zip(self._streams, starts, strict=True) if start > MAX_DELAY_SECONDS
        }

    def add_to(self, output: Any) -> None:
        """Adds the streams to a container whose header is not written yet."""
        for stream in self._streams:
            codec = stream.codec_context.codec.canonical_name if stream.codec_context else "an unknown codec"
            try:
                is_copied = codec in COPIED and stream.index not in self._late
                self._tracks[stream.index] = _Track(stream, output, is_copied)
            except (AttributeError, ValueError, av.FFmpegError):
                print_note(f"note: {self._name} has sound ({codec}) that can be neither copied nor converted.")

    def until(self, time: float) -> Iterator[Any]:
        """Yields the packets to write up to a time, seconds after the source's first picture.

        The time of the first call is that of the first written picture: sound that belongs to earlier ones is skipped.
        """
        if not self._has_begun:
            yield from self._begin(time)
        while self._next and self._next[0] <= time:
            at, track, packet = self._next
            if at - self._first + self.lead > -PRIMING_SECONDS:
                yield from track.converted(packet, self.lead - self._start - self._first)
            self._next = next(self._packets, None)

    def _begin(self, time: float) -> Iterator[Any]:
        self._has_begun = True
        if time and self._tracks:
            self._first, self.lead = time, 0.0
            with suppress(OSError, av.FFmpegError):  # it is then read from its beginning
                self._container.seek(round((self._start + time) * av.time_base))
        for index, start in self._late.items():
            if index in self._tracks and start > time:
                yield from self._tracks[index].silence(start - time + self.lead)
        self._next = next(self._packets, None)

    def close(self) -> None:
        if self._container:
            self._container.close()

    def _read(self) -> Iterator[tuple[float, "_Track", Any]]:
        streams = [stream for stream in self._streams if stream.index in self._tracks]
        try:
            for packet in self._container.demux(streams) if streams else ():
                track = self._tracks[packet.stream.index]
                if packet.pts is not None:
                    yield track.time(packet) - self._start, track, packet
                elif not packet.size:  # the last one of a stream
                    yield inf, track, packet
        except (OSError, av.FFmpegError) as error:
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        # Without FFmpeg's own message: it has the address, which may contain a password.
        print_note(f"note: The sound of {self._name} cannot be read: {getattr(error, 'strerror', None) or 'damaged'}.")


class _Track:
    """One audio stream and its copy. Raises ValueError or FFmpegError if there can be none."""

    def __init__(self, stream: Any, output: Any, is_copied: bool) -> None:
        self._source, self._is_copied, self._filter = stream, is_copied, None
        self._offset, self._time = 0.0, -inf  # correction of the clock, and time of the last packet, seconds
        self._last = -inf  # time stamp of the last written packet
        context = stream.codec_context
        if is_copied:
            self._stream = output.add_stream_from_template(stream)
            if context.name == "aac" and not context.extradata:  # each packet of MPEG-TS has a header of its own
                self._filter = BitStreamFilterContext("aac_adtstoasc", stream)
        else:
            context.open(strict=False)
            is_known = context.sample_rate in (av.Codec("aac", "w").audio_rates or ())
            self._stream = output.add_stream("aac", rate=context.sample_rate if is_known else DEFAULT_RATE)
            self._stream.layout = context.layout.name if context.layout.name in LAYOUTS else DEFAULT_LAYOUT
        self._stream.metadata.update(stream.metadata)  # its language

    def time(self, packet: Any) -> float:
        """Returns a packet's time, seconds; it continues where recordings with different clocks were joined."""
        time = float(packet.pts * packet.time_base) + self._offset
        if time < self._time - CLOCK_RESET_SECONDS:
            self._offset += self._time - time
            time = self._time
        self._time = time
        return time

    def silence(self, seconds: float) -> Iterator[Any]:
        """Yields packets of silence from time 0 on, for a stream that is encoded."""
        decoder, base = self._source.codec_context, self._source.time_base
        for begin in range(ceil(seconds)):
            frame = av.AudioFrame(decoder.format, decoder.layout, round(min(1, seconds - begin) * decoder.rate))
            frame.sample_rate, frame.pts, frame.time_base = decoder.rate, round(begin / base), base
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            yield from self._stream.encode(frame)

    def converted(self, packet: Any, shift: float) -> Iterator[Any]:
        """Yields the written packets for one that was read, with times shifted by seconds."""
        shift += self._offset
        with suppress(av.FFmpegError):  # damaged
            if not self._is_copied:
                for frame in packet.decode():
                    if frame.pts is not None:
                        frame.pts += round(shift / frame.time_base)
                    yield from self._stream.encode(frame)
                if packet.pts is None:  # the last one
                    yield from self._stream.encode()
            elif packet.pts is not None and packet.pts + round(shift / packet.time_base) > self._last:
                packet.pts = packet.dts = self._last = packet.pts + round(shift / packet.time_base)
                for copied in self._filter.filter(packet) if self._filter else [packet]:
                    copied.stream = self._stream
                    yield copied
