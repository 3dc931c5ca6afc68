"""Memory given back through a long night: what the framework keeps of texts once drawn, and holes in the heap.

The framework's caches hold up to sixteen thousand texts that are never shown again: they would fill up slowly with the
names and times of calls that have ended. And of what answers and screens have needed for a moment the C library keeps
pages with little in them; both look like a leak.
"""

import gc
from contextlib import suppress

from rich.cells import cached_cell_len
from rich.segment import Segment
from textual.geometry import Region

MOST = 200
LARGE = 1 << 15
"""Bytes: an answer of many rows, a table of hundreds."""
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
"""As glibc numbers them; to another C library they are nothing, or the same."""
_CACHES = (
    cached_cell_len,
    Segment._split_cells,  # noqa: SLF001 - the largest of all
    Region.contains_region,
    Region.intersection,
    Region.overlaps,
    Region.translate,
    Region.union,
)


def empty_caches() -> None:
    """Empties those that have grown; what is on the screen is soon in them again."""
    for cache in _CACHES:
        if cache.cache_info().currsize > MOST:
            cache.cache_clear()


def keep_no_holes() -> None:
    """Has the C library take large blocks from the system one by one, and give each back when it is free.

    Left to itself it takes all below 32 MB from one heap once a large one was given back: what tables of hundreds of
    thousands of rows leave there when they grow is held for ever by whatever small came after them.
    """
    _of_c_library("mallopt", _MMAP_THRESHOLD, LARGE)
    _of_c_library("mallopt", _ARENA_MAX, 1)


def give_back() -> None:
    """Collects what closed screens have left and gives free pages back; takes a moment in which no key is answered."""
    gc.collect()
    _of_c_library("malloc_trim", 0)


def _of_c_library(name: str, *arguments: int) -> None:
    # other systems' C libraries do it by themselves, or not at all
    with suppress(ImportError, OSError, AttributeError, TypeError):
        import ctypes

        getattr(ctypes.CDLL(None), name)(*arguments)
