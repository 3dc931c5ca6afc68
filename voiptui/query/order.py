"""How texts are put in order for ``<``, ``>`` and ranges."""

from collections.abc import Callable

Key = tuple[int, str]


def _is_dialled(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _by_number(text: str) -> Key | None:
    return (len(text), text) if _is_dialled(text) else None


def _by_letters(text: str) -> Key | None:
    return (0, text.casefold())


def order_key(*typed: str) -> Callable[[str], Key | None]:
    """The key to compare values with these typed ones: digits by length and value, else letters whatever the case.

    A value with the key ``None`` cannot be compared: a name is neither before nor after the extension 204.
    """
    return _by_number if all(map(_is_dialled, typed)) else _by_letters
