"""Words for people, and names of files."""

import re
from collections.abc import Mapping


def counted(number: int, noun: str) -> str:
    """Returns a number and a noun in the singular or plural."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def reasons_text(counts: Mapping[str, int], none: str = "none") -> str:
    """Returns "3 unreadable picture, 1 no face found" for reason -> number; `none` where nothing was counted."""
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.items() if count) or none


def file_stem(name: str) -> str:
    """Returns a name, e.g. of a head, as part of a file's name; `urllib.parse.unquote` is the way back.

    Letters, digits, blanks, "_" and "-" stay; all others are written as in an address, so that different names stay
    different.
    """
    return re.sub(r"[^\w -]", lambda other: "".join(f"%{byte:02X}" for byte in other[0].encode()), name)
