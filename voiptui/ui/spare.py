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


def give_back() -> None:
    """Collects what closed screens have left and gives free pages back; takes a moment in which no key is answered."""
    gc.collect()
    # other systems' C libraries do it by themselves, or not at all
    with suppress(ImportError, OSError, AttributeError, TypeError):
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)
