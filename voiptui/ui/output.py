"""What is written to the terminal: at once where it takes it, in a thread where it does not, always in its order."""

import contextlib
import os
from queue import Queue
from typing import TextIO

from textual.drivers._writer_thread import WriterThread

MOST_QUEUED = 30
"""So many writes wait for a terminal that takes nothing before the program waits for it."""


class Output(WriterThread):
    """Writes to a terminal without waiting for it, and without handing each write to a thread.

    The terminal is opened a second time, so that not waiting is this program's own: a terminal that others write to
    would not wait for them either. Where it cannot be opened, everything goes through the thread.
    """

    def __init__(self, file: TextIO) -> None:
        super().__init__(file)
        self._encoding, self._errors = file.encoding, file.errors or "strict"
        self._waiting: Queue[bytes | None] = Queue(MOST_QUEUED)
        self._opened = _opened_again(file.fileno())

    @property
    def is_stuck(self) -> bool:
        """Whether the program would wait for the terminal with the next that is written."""
        return self._opened is not None and self._waiting.full()

    @property
    def is_taken(self) -> bool:
        """Whether the terminal has taken all that was written."""
        return not self._waiting.unfinished_tasks

    def write(self, text: str) -> None:
        """Writes it, after all that was written before."""
        data = text.encode(self._encoding, self._errors)
        if self._opened is not None and self.is_taken:
            try:
                data = data[os.write(self._opened, data) :]
            except BlockingIOError:
                pass
            except OSError:
                # the terminal is gone, which whoever reads from it is told
                return
        if data:
            self._waiting.put(data)

    def run(self) -> None:
        """Writes what the terminal did not take at once."""
        while (data := self._waiting.get()) is not None:
            while data:
                try:
                    data = data[os.write(self._file.fileno(), data) :]
                except OSError:
                    data = b""
            self._waiting.task_done()

    def stop(self) -> None:
        """Ends once everything is written."""
        self._waiting.put(None)
        if self.is_alive():
            self.join()
        if self._opened is not None:
            os.close(self._opened)
            self._opened = None


def _opened_again(descriptor: int) -> int | None:
    opened = None
    with contextlib.suppress(OSError):
        opened = os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        if os.fstat(opened).st_rdev == os.fstat(descriptor).st_rdev:
            return opened
    if opened is not None:
        os.close(opened)
    return None
