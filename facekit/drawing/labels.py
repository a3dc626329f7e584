"""Dark plates with text and bars, readable on any ground."""

from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from facekit.core.files import PROJECT
from facekit.drawing.placement import Place, Size

Line = tuple[str, str]  # the answer, and how sure it is
Colour = tuple[int, int, int]
Segment = tuple[float, float, int]  # a part of a bar: from and to, 0 to 1; which of the tones it has
Bar = tuple[Segment, ...]
LIKELIEST, RANGE, REST = range(3)  # the tones: the plate's colour, the same but darker, grey

TEXT_SIZES = sorted({round(8 * 1.15**step) for step in range(20)})  # pixels; few, so that like faces get like text
DARK, LIGHT, DIMMED = (18, 20, 24), (255, 255, 255), (205, 208, 214)
TROUGH, GREY = (58, 61, 68), (128, 132, 140)  # of bars: their ground, and what is less likely
PLATE_OPACITY = 0.78  # white text on the plate keeps a contrast above 7:1 where the picture is white


def plate_image(
    lines: Sequence[Line], text_size: int, size: Size, stripe: Colour | None, bars: Sequence[Bar] = ()
) -> Image.Image:
    """The text on its plate, RGBA.

    Args:
        lines: text at the left, and its detail at the right.
        text_size: pixels.
        size: width and height of the plate, pixels, at least `plate_size`.
        stripe: colour of the plate's left edge and of its bars; None for no stripe.
        bars: one to go below each line; none for no bars.
    """
    image = Image.new("RGBA", size, (*DARK, round(255 * PLATE_OPACITY)))
    draw = ImageDraw.Draw(image)
    margin, stripe_width, line_height, bar_height = _spacing(text_size)
    pitch = line_height + 2 * bar_height * bool(bars)
    left, right = margin, size[0] - margin
    if stripe:
        draw.rectangle((0, 0, stripe_width - 1, size[1]), fill=(*stripe, 255))
        left += stripe_width
    letters = font(text_size)
    for number, (text, detail) in enumerate(lines):
        # Half the height of Latin capitals and of Chinese characters alike lies 0.37 above the base line.
        base = margin // 2 + number * pitch + round(0.5 * line_height + 0.37 * text_size)
        draw.text((left, base), text, (*LIGHT, 255), letters, anchor="ls")
        draw.text((right, base), detail, (*DIMMED, 255), letters, anchor="rs")
    for number, bar in enumerate(bars, start=1):
        bottom = margin // 2 + number * pitch - bar_height
        _draw_bar(draw, (left, bottom - bar_height, right, bottom), bar, stripe or LIGHT)
    return image


def _draw_bar(draw: ImageDraw.ImageDraw, place: Place, bar: Bar, colour: Colour) -> None:
    left, top, right, bottom = place
    red, green, blue = ((3 * part + 2 * dark) // 5 for part, dark in zip(colour, DARK, strict=True))
    tones = {LIKELIEST: colour, RANGE: (red, green, blue), REST: GREY}
    draw.rectangle((left, top, right - 1, bottom - 1), fill=(*TROUGH, 255))
    for start, end, tone in bar:
        first, next_first = (round(left + share * (right - left)) for share in (start, end))
        if first < next_first:  # one dark pixel parts it from the next
            draw.rectangle((first, top, max(first, next_first - 2), bottom - 1), fill=(*tones[tone], 255))


@lru_cache(maxsize=1024)
def plate_size(lines: tuple[Line, ...], text_size: int, has_stripe: bool, has_bars: bool = False) -> Size:
    """Width and height in pixels."""
    letters = font(text_size)
    margin, stripe_width, line_height, bar_height = _spacing(text_size)
    widths = [
        letters.getlength(text) + (letters.getlength(detail) + 0.7 * text_size if detail else 0)
        for text, detail in lines
    ]
    pitch = line_height + 2 * bar_height * has_bars
    return round(max(widths) + 1) + 2 * margin + stripe_width * has_stripe, pitch * len(lines) + 2 * (margin // 2)


def gap_of(text_size: int) -> int:
    """Distance of a plate to the face it belongs to, pixels."""
    return max(2, text_size // 3)


def _spacing(text_size: int) -> tuple[int, int, int, int]:
    """Margin, width of the stripe, height of a line, and of a bar, in pixels."""
    stripe, bar = max(2, round(0.2 * text_size)), max(2, round(0.22 * text_size))
    return round(0.45 * text_size), stripe, round(1.3 * text_size), bar


@lru_cache(maxsize=len(TEXT_SIZES))
def font(text_size: int) -> ImageFont.FreeTypeFont:
    """The one font, in a size. The basic layout is the same wherever Pillow runs."""
    file = PROJECT / "fonts" / "FacekitSans-Medium.otf"
    return ImageFont.truetype(str(file), text_size, layout_engine=ImageFont.Layout.BASIC)
