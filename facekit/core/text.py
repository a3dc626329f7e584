"""Words for people."""


def counted(number: int, noun: str) -> str:
    """Returns a number and a noun in the singular or plural."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
