"""Program that opens OpenCV's window for a trial, and prints width and height of the screen without its panels.

It runs in a process of its own, as OpenCV aborts without a display, and imports nothing of facekit, to start fast.
"""

import ctypes
from contextlib import suppress


def work_area() -> tuple[int, ...]:
    """Reads what the window manager announces (_NET_WORKAREA of EWMH), or the size of the screen if nothing is."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = ctypes.c_void_p(x11.XOpenDisplay(None))
    root, name = x11.XDefaultRootWindow(display), x11.XInternAtom(display, b"_NET_WORKAREA", False)
    kind, bits, count, rest = ctypes.c_ulong(), ctypes.c_int(), ctypes.c_ulong(), ctypes.c_ulong()
    data = ctypes.POINTER(ctypes.c_long)()  # left, top, width, height
    results = [ctypes.byref(result) for result in (kind, bits, count, rest, data)]
    x11.XGetWindowProperty(display, ctypes.c_ulong(root), ctypes.c_ulong(name), 0, 4, False, 0, *results)
    if count.value == 4:
        return (data[2], data[3])
    return (x11.XDisplayWidth(display, 0), x11.XDisplayHeight(display, 0))


if __name__ == "__main__":
    import cv2

    cv2.namedWindow("facekit")
    with suppress(OSError):  # a system without this library
        print(*work_area())
