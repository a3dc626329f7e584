"""Labels: text and bars on a dark rectangle, readable on any background."""

from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from facekit.core.files import PROJECT
from facekit.drawing.placement import Rect, Size
from facekit.heads.answer import LIKELIEST, RANGE, REST, Line, Segment

Colour = tuple[int, int, int]
Bar = tuple[Segment, ...]

TEXT_SIZES = sorted(
    {round(8 * 1.15**step) for step in range(20)}
)  # pixels; few, so that faces of similar size get text of one size
DARK, LIGHT, DIMMED = (18, 20, 24), (255, 255, 255), (205, 208, 214)
TROUGH, GREY = (58, 61, 68), (128, 132, 140)  # of bars: background, and less likely answers
LABEL_OPACITY = 0.78  # white text keeps a contrast above 7:1 where the picture is white


def label_image(
    lines: Sequence[Line], text_size: int, size: Size, stripe: Colour | None, bars: Sequence[Bar] = (), tag: str = ""
) -> Image.Image:
    """Draws a label, RGBA.

    Args:
        lines: text at the left, and its detail at the right.
        text_size: pixels.
        size: width and height, pixels, at least `label_size`.
        stripe: colour of the left edge and of the bars; None for no stripe.
        bars: one below each line; none for no bars.
        tag: small text before the first line; "" for none.
    """
    image = Image.new("RGBA", size, (*DARK, round(255 * LABEL_OPACITY)))
    draw = ImageDraw.Draw(image)
    margin, stripe_width, line_height, bar_height = _spacing(text_size)
    pitch = line_height + 2 * bar_height * bool(bars)
    left, right = margin, size[0] - margin
    if stripe:
        draw.rectangle((0, 0, stripe_width - 1, size[1]), fill=(*stripe, 255))
        left += stripe_width
    letters = font(text_size)
    for number, (text, detail) in enumerate(lines):
        # The middle of Latin capitals and of Chinese characters lies 0.37 text sizes above the base line.
        base = margin // 2 + number * pitch + round(0.5 * line_height + 0.37 * text_size)
        if number == 0:
            draw.text((left, base), tag, (*DIMMED, 255), font(_tag_size(text_size)), anchor="ls")
        draw.text((left + (number == 0) * _tag_width(tag, text_size), base), text, (*LIGHT, 255), letters, anchor="ls")
        draw.text((right, base), detail, (*DIMMED, 255), letters, anchor="rs")
    for number, bar in enumerate(bars, start=1):
        bottom = margin // 2 + number * pitch - bar_height
        _draw_bar(draw, (left, bottom - bar_height, right, bottom), bar, stripe or LIGHT)
    return image


def _draw_bar(draw: ImageDraw.ImageDraw, rect: Rect, bar: Bar, colour: Colour) -> None:
    left, top, right, bottom = rect
    red, green, blue = ((3 * part + 2 * dark) // 5 for part, dark in zip(colour, DARK, strict=True))
    tones = {LIKELIEST: colour, RANGE: (red, green, blue), REST: GREY}
    draw.rectangle((left, top, right - 1, bottom - 1), fill=(*TROUGH, 255))
    for start, end, tone in bar:
        first, next_first = (round(left + share * (right - left)) for share in (start, end))
        if first < next_first:  # one dark pixel separates it from the next
            draw.rectangle((first, top, max(first, next_first - 2), bottom - 1), fill=(*tones[tone], 255))


@lru_cache(maxsize=1024)
def label_size(
    lines: tuple[Line, ...], text_size: int, has_stripe: bool, has_bars: bool = False, tag: str = ""
) -> Size:
    """Returns the width and height of a label, pixels."""
    letters = font(text_size)
    margin, stripe_width, line_height, bar_height = _spacing(text_size)
    widths = [
        letters.getlength(text) + (letters.getlength(detail) + 0.7 * text_size if detail else 0)
        for text, detail in lines
    ]
    widths[0] += _tag_width(tag, text_size)
    pitch = line_height + 2 * bar_height * has_bars
    return round(max(widths) + 1) + 2 * margin + stripe_width * has_stripe, pitch * len(lines) + 2 * (margin // 2)


def label_gap(text_size: int) -> int:
    """Returns the distance of a label to its face, pixels."""
    return max(2, text_size // 3)


def _tag_size(text_size: int) -> int:
    return TEXT_SIZES[max(0, TEXT_SIZES.index(text_size) - 2)]


def _tag_width(tag: str, text_size: int) -> int:
    """Returns the width of a tag and the space after it, pixels."""
    return round(font(_tag_size(text_size)).getlength(tag) + 0.4 * text_size) if tag else 0


def _spacing(text_size: int) -> tuple[int, int, int, int]:
    """Returns margin, stripe width, line height and bar height, pixels."""
    stripe, bar = max(2, round(0.2 * text_size)), max(2, round(0.22 * text_size))
    return round(0.45 * text_size), stripe, round(1.3 * text_size), bar


@lru_cache(maxsize=len(TEXT_SIZES))
def font(text_size: int) -> ImageFont.FreeTypeFont:
    """Loads the font in a size. The basic layout is the same wherever Pillow runs."""
    file = PROJECT / "fonts" / "FacekitSans-Medium.otf"
    return ImageFont.truetype(str(file), text_size, layout_engine=ImageFont.Layout.BASIC)
