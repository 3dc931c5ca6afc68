"""Figures of interleaved rounds: medians, spread, ratios, and whether the machine was calm enough to judge."""

import math
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

DOCUMENT = Path(__file__).parents[2] / "BENCHMARKS.md"
BEGIN, END = "<!-- table: made by python -m tests.benchmarks --write -->", "<!-- end of the table -->"
NOISY_SPREAD = 0.35
NOISY_OTHERS = 0.25


class Reach(Struct, frozen=True, kw_only=True):
    """What a figure should reach: ``most`` (or ``least``) times the yardstick's median, or that plain figure."""

    most: float | None = None
    least: float | None = None

    def met(self, value: float) -> bool:
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    def __str__(self) -> str:
        return f"≤ {self.most:g}" if self.most is not None else f"≥ {self.least:g}" if self.least is not None else ""


class Line(Struct, frozen=True, kw_only=True):
    """One line of the table: the subject's values, its yardstick's, what their ratio (or the value) should reach."""

    case: str
    figure: str
    unit: str
    values: tuple[float, ...]
    against: str = ""
    yardstick: tuple[float, ...] = ()
    reach: Reach | None = None
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values) if self.values else math.nan

    @property
    def ratio(self) -> float | None:
        """The median of subject over yardstick; ``None`` without a yardstick."""
        if not self.yardstick or not self.values:
            return None
        base = statistics.median(self.yardstick)
        return self.median / base if base else None

    @property
    def verdict(self) -> str:
        """``yes``, ``no``, or nothing where nothing is to be reached; a missing figure is ``missing``."""
        if not self.values:
            return "missing"
        if self.reach is None:
            return ""
        value = self.ratio if self.against else self.median
        return "missing" if value is None else "yes" if self.reach.met(value) else "no"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "case": self.case,
            "figure": self.figure,
            "unit": self.unit,
            "values": self.values,
            "median": None if math.isnan(self.median) else self.median,
            "spread": spread(self.values),
            "against": self.against,
            "yardstick": self.yardstick,
            "yardstick_median": statistics.median(self.yardstick) if self.yardstick else None,
            "ratio": self.ratio,
            "reach": self.reach,
            "to_reach": str(self.reach) if self.reach else None,
            "verdict": self.verdict,
            "note": self.note,
        }


def spread(values: Iterable[float]) -> float | None:
    """Half the distance of the quartiles over the median; ``None`` for fewer than three values."""
    found = sorted(values)
    if len(found) < 3:
        return None
    low, _, high = statistics.quantiles(found, n=4, method="inclusive")
    middle = statistics.median(found)
    return (high - low) / 2 / middle if middle else None


def percentile(values: Iterable[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    found = sorted(values)
    return found[min(len(found) - 1, math.ceil(share * len(found)) - 1)] if found else math.nan


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(lines: Iterable[Line]) -> str:
    """A Markdown table."""
    out = [
        "| case | figure | median | ± | yardstick | its median | ratio | to reach | reached |",
        "|---|---|---:|---:|---|---:|---:|---:|---|",
    ]
    for line in lines:
        share = spread(line.values)
        cells = [
            line.case,
            f"{line.figure}{f' ({line.note})' if line.note else ''}",
            f"{_number(line.median)} {line.unit}".strip(),
            "" if share is None else f"{share:.0%}",
            line.against,
            _number(statistics.median(line.yardstick)) if line.yardstick else "",
            "" if line.ratio is None else f"{line.ratio:.2f}",
            "" if line.reach is None else f"{line.reach}{' ×' if line.against else ''}",
            line.verdict,
        ]
        out.append("| " + " | ".join(cells) + " |")
    return "\n".join(out)


def noise(others: Mapping[str, float], lines: Iterable[Line], cores: int) -> list[str]:
    """Sentences on what makes the figures doubtful; empty on a calm machine."""
    found = [
        f"{case}: other programs used {used:.1f} of {cores} cores"
        for case, used in others.items()
        if used > NOISY_OTHERS * cores
    ]
    wide = [
        f"{line.case} {line.figure}"
        for line in lines
        if any((spread(v) or 0) > NOISY_SPREAD for v in (line.values, line.yardstick))
    ]
    if wide:
        found.append(f"wide spread in {', '.join(wide)}")
    return found


class Run(Struct, frozen=True, kw_only=True):
    """All that one run found: lines, the machine, what could not be measured, why the figures may be doubtful."""

    lines: list[Line]
    machine: str
    missing: list[str]
    noise: list[str]
    others: dict[str, float]

    def text(self) -> str:
        """The table and what is to be said about it, as Markdown."""
        missed = [f"{line.case}: {line.figure}" for line in self.lines if line.verdict == "no"]
        sentences = [
            f"{self.machine}.",
            *(f"Not reached: {one}." for one in missed),
            *(f"Missing: {one}." for one in self.missing),
            *(f"Too noisy to judge: {one}." for one in self.noise),
        ]
        return "\n".join([table(self.lines), "", *sentences])

    def as_json(self) -> dict[str, Any]:
        """For programs, and to be read again."""
        return {
            "lines": [line.as_json() for line in self.lines],
            "machine": self.machine,
            "missing": self.missing,
            "noise": self.noise,
            "others": self.others,
        }


def write(path: Path, run: Run) -> None:
    """Puts the table between its marks; raises `ValueError` where they are missing."""
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name} has no place for the table")
    found = run.text().replace(". \n", ".\n").replace(".\n", ".  \n")
    path.write_text(f"{before}{BEGIN}\n\n{found}\n\n{END}{after}")
