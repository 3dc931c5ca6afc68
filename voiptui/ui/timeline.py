"""Pictures in characters: the legs of a call along its time, SIP messages as a ladder between addresses."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.cells import cell_len

from voiptui.model.records import Leg, SipMessage
from voiptui.output.values import duration_text
from voiptui.ui.cells import Look, Signs, Tone, fit, harmless

Runs = tuple[tuple[str, Tone], ...]
_LEAST_BAR = 10
_LEAST_LANE = 20
_MOST_LANES = 6
_CLOCK = 13


def span_of(legs: Sequence[Leg]) -> tuple[datetime, datetime] | None:
    """From the first instant that any leg tells to the last, ``None`` when none tells any."""
    instants = [moment for leg in legs for moment in (leg.start, leg.answer, leg.end, _end(leg)) if moment is not None]
    return (min(instants), max(instants)) if instants else None


def _end(leg: Leg) -> datetime | None:
    if leg.end is not None:
        return leg.end
    if leg.start is not None and leg.duration is not None:
        return leg.start + timedelta(seconds=leg.duration)
    return None


def _answered(leg: Leg, end: datetime | None) -> datetime | None:
    if leg.answer is not None:
        return leg.answer
    if leg.billsec and end is not None:
        return end - timedelta(seconds=leg.billsec)
    return None


def leg_bar(leg: Leg, span: tuple[datetime, datetime], width: int, signs: Signs) -> Runs:
    """One leg within the time of the call: blank, ringing, talking, blank; exactly ``width`` columns."""
    start, end = leg.start, _end(leg)
    if start is None or end is None:
        return ((" " * width, Tone.PLAIN),)
    whole = max((span[1] - span[0]).total_seconds(), 1.0)

    def place(moment: datetime) -> int:
        return min(width, max(0, round((moment - span[0]).total_seconds() / whole * width)))

    first, last = min(place(start), width - 1), place(end)
    last = max(last, first + 1)
    answered = _answered(leg, end)
    talk = min(max(place(answered), first), last) if answered is not None else last
    return (
        (" " * first, Tone.PLAIN),
        (signs.waiting * (talk - first), Tone.WARN),
        (signs.bar * (last - talk), Tone.GOOD),
        (" " * (width - last), Tone.PLAIN),
    )


def leg_lines(legs: Sequence[Leg], look: Look, width: int) -> list[tuple[Runs, str]]:
    """A line per leg with its bar, parties and times, and what it carries below; each with the text to copy."""
    signs = look.signs
    span = span_of(legs)
    arrow = "->" if signs.only_ascii else "→"
    parties = [f"{leg.src or '?'} {arrow} {leg.dst or '?'}" for leg in legs]
    wide = min(max((cell_len(harmless(text, signs)) for text in parties), default=0), max(12, width // 3))
    bar_width = width - wide - 34
    lines: list[tuple[Runs, str]] = []
    for number, (leg, party) in enumerate(zip(legs, parties, strict=True), 1):
        clock = f"{leg.start.astimezone(look.zone):%H:%M:%S}" if leg.start else signs.missing * 8
        word = str(leg.disposition or leg.raw_disposition or "")
        talk = "" if leg.billsec is None else duration_text(leg.billsec)
        runs: Runs = (
            (f"{number:>2} ", Tone.QUIET),
            (fit(party, wide, signs=signs), Tone.PLAIN),
            (f" {clock} ", Tone.QUIET),
        )
        if span is not None and bar_width >= _LEAST_BAR:
            runs = (*runs, *leg_bar(leg, span, bar_width, signs))
        runs = (*runs, (f" {talk:>8} ", Tone.PLAIN), (word, Tone.QUIET))
        lines.append((runs, " ".join((party, clock, talk, word)).strip()))
        more = [
            ("name", " / ".join(name for name in (leg.src_name, leg.dst_name) if name)),
            ("did", leg.did),
            ("trunk", leg.trunk),
            ("codec", leg.codec),
            ("cause", leg.cause),
            ("Call-ID", leg.call_id),
            ("id", leg.id),
            ("", leg.note),
        ]
        for label, value in more:
            if value:
                lines.append((((f"     {label:<9}", Tone.QUIET), (value, Tone.PLAIN)), value))
    return lines


def ladder_lines(messages: Sequence[SipMessage], look: Look, width: int) -> list[tuple[Runs, str]]:
    """The messages in order, as arrows between the lanes of their addresses; a list where the lanes have no room."""
    signs = look.signs
    addresses: list[str] = []
    for message in messages:
        for address in (message.source, message.destination):
            if address not in addresses:
                addresses.append(address)
    lane = (width - _CLOCK) // max(1, len(addresses))
    if lane < _LEAST_LANE or len(addresses) > _MOST_LANES or len(addresses) < 2:
        return [_listed(message, look) for message in messages]
    heads: Runs = ((" " * _CLOCK, Tone.QUIET), *((_middle(address, lane, signs), Tone.ACCENT) for address in addresses))
    lines: list[tuple[Runs, str]] = [(heads, "  ".join(addresses))]
    for message in messages:
        body = _arrow(message, addresses, lane, signs)
        runs: Runs = (((_clock(message, look)).ljust(_CLOCK), Tone.QUIET), *body)
        lines.append((runs, _listed(message, look)[1]))
    return lines


def _clock(message: SipMessage, look: Look) -> str:
    if message.at is None:
        return look.signs.missing
    local = message.at.astimezone(look.zone)
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"


def _listed(message: SipMessage, look: Look) -> tuple[Runs, str]:
    arrow = "->" if look.signs.only_ascii else "→"
    clock = _clock(message, look)
    way = f"{message.source} {arrow} {message.destination}"
    runs: Runs = (
        (f"{clock:<{_CLOCK}}", Tone.QUIET),
        (f"{way}  ", Tone.QUIET),
        (message.summary, _tone(message.summary)),
    )
    return runs, f"{clock} {way} {message.summary}"


def _tone(summary: str) -> Tone:
    word = summary.removeprefix("SIP/2.0 ")[:1]
    if word in {"4", "5", "6"}:
        return Tone.BAD
    return Tone.GOOD if word == "2" else Tone.PLAIN


def _middle(text: str, width: int, signs: Signs) -> str:
    text = harmless(text, signs)
    length = cell_len(text)
    if length >= width - 1:
        return fit(text, width - 1, signs=signs) + " "
    left = (width - length) // 2
    return " " * left + text + " " * (width - length - left)


def _arrow(message: SipMessage, addresses: Sequence[str], lane: int, signs: Signs) -> Runs:
    """The lanes as upright lines, between two of them the message with its arrow head."""
    left, right = sorted((addresses.index(message.source), addresses.index(message.destination)))
    half = lane // 2
    tone = _tone(message.summary)
    summary = message.summary.removeprefix("SIP/2.0 ")

    def uprights(count: int) -> str:
        return (" " * half + signs.pipe + " " * (lane - half - 1)) * count

    if left == right:
        text = fit(f"{signs.pipe} {summary}", lane - half, signs=signs)
        return (
            (uprights(left) + " " * half, Tone.QUIET),
            (text, tone),
            (uprights(len(addresses) - left - 1), Tone.QUIET),
        )
    length = (right - left) * lane - 1
    said = f" {summary} "
    room = length - 4
    said = fit(said, room, signs=signs) if cell_len(harmless(said, signs)) > room else harmless(said, signs)
    said = f" {said.strip()} "
    rest = length - 1 - cell_len(said)
    line = signs.line * (rest // 2) + said + signs.line * (rest - rest // 2)
    rightwards = addresses.index(message.source) == left
    arrow = line + signs.arrow_right if rightwards else signs.arrow_left + line
    return (
        (uprights(left) + " " * half + signs.pipe, Tone.QUIET),
        (arrow, tone),
        (signs.pipe + " " * (lane - half - 1) + uprights(len(addresses) - right - 1), Tone.QUIET),
    )
