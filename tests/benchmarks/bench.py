"""What every part of the measurements shares: where things lie, how many rounds, what has been found so far."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.processes import Others, environment
from tests.benchmarks.report import Line, Reach

YARDSTICKS = Path(__file__).parent / "yardsticks"
SCRIPT = "import sys\nfrom voiptui.__main__ import main\nsys.exit(main())\n"


class Bench:
    """One run of the measurements; ``quick`` takes few rounds and small sizes, to see that everything works."""

    def __init__(self, folder: Path, *, quick: bool, hours: float = 1.0) -> None:
        self.folder, self.quick, self.hours = folder, quick, hours
        self.env = environment(folder)
        self.lines: list[Line] = []
        self.missing: list[str] = []
        self.others: dict[str, float] = {}
        # as an installer writes it
        self._script = folder / "voiptui"
        self._script.write_text(SCRIPT)

    def rounds(self, usual: int) -> int:
        """How often to measure."""
        return max(2, usual // 4) if self.quick else usual

    def subject(self, config: Path | None, *words: str) -> list[str]:
        """The command line of the program as installed."""
        options = ["--config", str(config)] if config else []
        return [sys.executable, str(self._script), *options, *words]

    def yardstick(self, name: str, *words: str) -> list[str]:
        """The command line of a yardstick."""
        return [sys.executable, str(YARDSTICKS / f"{name}.py"), *words]

    @contextmanager
    def watched(self, case: str) -> Iterator[None]:
        """Notes how much of the machine others took during a case, as far as that can be told."""
        before = os.times()
        with Others() as others:
            yield
        after = os.times()
        own = sum(after[:4]) - sum(before[:4])
        self.others[case] = others.without(own)

    def add(  # noqa: PLR0917
        self,
        case: str,
        figure: str,
        unit: str,
        values: Sequence[float | None],
        against: str = "",
        yardstick: Sequence[float | None] = (),
        *,
        most: float | None = None,
        least: float | None = None,
        note: str = "",
    ) -> None:
        """Adds a line; what could not be measured is left out of its values."""
        self.lines.append(
            Line(
                case=case,
                figure=figure,
                unit=unit,
                values=tuple(one for one in values if one is not None),
                against=against,
                yardstick=tuple(one for one in yardstick if one is not None),
                reach=Reach(most=most, least=least) if most is not None or least is not None else None,
                note=note,
            )
        )
