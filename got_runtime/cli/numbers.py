"""Whole numbers on the command line."""

from argparse import ArgumentTypeError

__all__ = ["not_negative", "positive"]


def positive(text: str) -> int:
    """A whole number from 1."""
    return _at_least(1, text)


def not_negative(text: str) -> int:
    """A whole number from 0."""
    return _at_least(0, text)


def _at_least(least: int, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise ArgumentTypeError(f"{text!r} is not a whole number from {least}")
    return number
