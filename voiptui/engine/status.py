"""What is known about the freshness of each stream of each telephone system."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from voiptui.model.records import Health, Stream


class State(StrEnum):
    """How far data can be trusted: ``stale`` is old data kept while polls fail, ``failed`` no data at all."""

    CONNECTING = "connecting"
    FRESH = "fresh"
    STALE = "stale"
    FAILED = "failed"
    DISABLED = "disabled"
    UNSUPPORTED = "unsupported"


class StreamStatus(Struct, frozen=True, kw_only=True):
    """One stream of one system.

    ``taken`` is when its data came, ``age`` how old they are and ``latency`` how long the last poll took, in seconds;
    ``since`` when the present state began; ``word`` and ``error`` the last failure (or why it is not offered);
    ``retry_at`` when it is tried again; ``partial`` what is missing from the data.
    """

    state: State = State.CONNECTING
    taken: datetime | None = None
    age: float | None = None
    latency: float | None = None
    since: datetime | None = None
    word: str | None = None
    error: str | None = None
    retry_at: datetime | None = None
    partial: str | None = None
    notes: tuple[str, ...] = ()
    rows: int | None = None


class Counts(Struct, frozen=True):
    """How many phones and trunks are registered of how many, and calls; ``None`` is not known (yet)."""

    extensions_up: int | None = None
    extensions: int | None = None
    trunks_up: int | None = None
    trunks: int | None = None
    calls: int | None = None


class PbxStatus(Struct, frozen=True, kw_only=True):
    """One telephone system: its worst stream's state, and each stream.

    Streams it does not offer or may not read do not count for ``state``; ``limits`` names them in sentences.
    ``taken`` and ``age`` are those of the oldest data, ``word``, ``error`` and ``retry_at`` the last failure's.
    """

    pbx: str
    state: State
    streams: Mapping[Stream, StreamStatus]
    counts: Counts = Counts()
    health: Health | None = None
    clock_skew: float | None = None
    taken: datetime | None = None
    age: float | None = None
    latency: float | None = None
    word: str | None = None
    error: str | None = None
    retry_at: datetime | None = None
    limits: tuple[str, ...] = ()


_WORST = (State.FAILED, State.STALE, State.CONNECTING, State.FRESH)


def overall(
    pbx: str,
    streams: Mapping[Stream, StreamStatus],
    lacking: frozenset[Stream],
    *,
    counts: Counts,
    health: Health | None,
    clock_skew: float | None,
) -> PbxStatus:
    """The status of a system from those of its streams; ``lacking`` are the streams it may not read."""
    counted = [
        one for stream, one in streams.items() if one.state is not State.UNSUPPORTED and stream not in lacking
    ] or list(streams.values())
    states = {one.state for one in counted}
    if states == {State.DISABLED}:
        state = State.DISABLED
    elif State.FAILED in states and states & {State.FRESH, State.STALE}:
        # part of it answers: what is on screen is not all
        state = State.STALE
    else:
        state = next((one for one in _WORST if one in states), State.CONNECTING)
    failing = [one for one in counted if one.error]
    aged = [one for one in counted if one.age is not None]
    oldest = max(aged, key=lambda one: one.age or 0.0, default=None)
    worst = min(failing, key=lambda one: _WORST.index(one.state) if one.state in _WORST else 9, default=None)
    return PbxStatus(
        pbx=pbx,
        state=state,
        streams=streams,
        counts=counts,
        health=health,
        clock_skew=clock_skew,
        taken=oldest.taken if oldest else None,
        age=oldest.age if oldest else None,
        latency=max((one.latency for one in counted if one.latency is not None), default=None),
        word=worst.word if worst else None,
        error=worst.error if worst else None,
        retry_at=worst.retry_at if worst else None,
        limits=tuple(
            f"{stream}: {one.error}"
            for stream, one in streams.items()
            if one.error and (one.state is State.UNSUPPORTED or stream in lacking)
        ),
    )
