"""The simulated systems in a process of their own, so that they never slow the screen; it ends with its parent."""

import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

READY = "# serving"
"""The line after the configuration: from here on every system answers."""
_PATIENCE = 5.0


class SimulationFailed(Exception):
    """The process did not come up; the text is what it said."""


class Simulation:
    """Starts the process on entering and ends it on leaving; ``configuration`` is then the TOML of its systems.

    ``arguments`` are options of ``python -m voiptui.simulator``, for example ``("--scene", "drops")``. It ends by
    itself when this process ends, however that happens.
    """

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None
        self.configuration = ""

    def __enter__(self) -> Self:
        """Waits until every system answers; raises `SimulationFailed`."""
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "voiptui.simulator", "--attached", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            # Its own session: Ctrl+C on the terminal is for the monitor.
            start_new_session=True,
        )
        assert self._process.stdout  # noqa: S101
        lines: list[str] = []
        for line in self._process.stdout:
            if line.rstrip("\n") == READY:
                self.configuration = "".join(lines)
                return self
            lines.append(line)
        _, said = self._process.communicate()
        raise SimulationFailed(said.strip() or "the simulated systems ended at once")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Asks it to end, and ends it when it does not."""
        process = self._process
        if process is None:
            return
        try:
            process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
