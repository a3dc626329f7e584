"""Does what the original video demo did, written straightforwardly: the yardstick of video.py.

One thread; every frame is searched at twice its size, and every face goes through the network, by `predict`.
Usage: naive_video.py INPUT OUTPUT.mp4 FRAMES. Prints the frames a second after the first one, which loads the rest.
"""

import itertools
import sys
import time
from collections.abc import Iterator

import cv2
import dlib
import numpy as np
from naive_demo import build_network, draw_estimates


def frames_of(source: str) -> Iterator[np.ndarray]:
    capture = cv2.VideoCapture(source)
    while (read := capture.read())[0]:
        yield read[1]


def main(source: str, output: str, n_frames: int) -> None:
    network, detector = build_network(), dlib.get_frontal_face_detector()
    frames = itertools.islice(frames_of(source), n_frames + 1)
    first = draw_estimates(next(frames), detector, network)
    writer = cv2.VideoWriter(output, cv2.VideoWriter_fourcc(*"mp4v"), 30, (first.shape[1], first.shape[0]))
    start = time.perf_counter()
    for frame in frames:
        writer.write(draw_estimates(frame, detector, network))
    writer.release()
    print(n_frames / (time.perf_counter() - start))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
