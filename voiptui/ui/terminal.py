"""The terminal's side of the program: leaving at once, noticing that the terminal is gone, its window title."""

import contextlib
import os
import selectors
import sys
import termios
import threading
from codecs import getincrementaldecoder
from collections.abc import Iterable
from time import monotonic
from typing import Any

from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from voiptui.model.clean import clean
from voiptui.pbx.turns import TURNS
from voiptui.ui.firstframe import Frame, taken
from voiptui.ui.output import Output
from voiptui.ui.typed import TypedParser
from voiptui.ui.wire import SYNC_BEGIN, SYNC_END, Place, Row, Wire

ALTERNATE_SCREEN = "\x1b[?1049h"
TITLE = "\x1b]2;"
ESCAPE_WAIT = 0.12
SLOW_LINK = 8000.0
"""Bytes a second of 64 kbit/s: what a terminal far away takes at least."""
ESCAPE_ROUNDS = 3
STUCK = 0.1
"""So often, in seconds, a terminal that took nothing is looked at again."""


class QuickDriver(LinuxDriver):
    """Textual's driver whose input thread sleeps between keys, ends at once, and stops when the terminal is gone."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if sys.__stdout__ is not None and self._file is not None and not os.isatty(self._file.fileno()):
            # standard error is kept in a file: the screen is still the terminal's
            self._file = sys.__stdout__
        self._wake_read, self._wake_write = os.pipe()
        self._wire = Wire(erases=_erases_with_colour())
        self._wire_size: os.terminal_size | None = None
        self._first: Frame | None = None
        self._left_once = self._leaving = False
        self._drained = 0.0
        self._missed: dict[str, str] | None = None
        """What is to be sent besides a whole frame once a stuck terminal takes something again; ``None``: it is not."""

    def start_application_mode(self) -> None:
        """Takes over the first picture, which stays until `show`: no second screen is opened for it."""
        self._leaving = False
        self._first = taken()
        if self._first is not None:
            self._wire.hold(self._first.text)
            self._wire_size = os.terminal_size(self._first.size)
            self._wire.columns, self._wire.lines = self._wire_size
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread is not None and self._file is not None:
            self._writer_thread.stop()
            self._writer_thread = Output(self._file)
            self._writer_thread.start()
        if self._first is not None and self.attrs_before is not None:
            self.attrs_before = self._first.attributes
        if self._left_once:
            # the shell was there meanwhile; a size that is the same as before makes the framework paint nothing
            self._app.call_later(self._app.refresh)

    def stop_application_mode(self) -> None:
        """Gives the terminal back, for ever or until the program is continued."""
        self._left_once, self._leaving, self._missed = True, True, None
        super().stop_application_mode()

    def show(self) -> None:
        """The screen is complete: it replaces the first picture at once."""
        if self._first is not None:
            self._first = None
            super().write(self._wire.release())

    def write(self, data: str) -> None:
        """Sends only what changes on the terminal; after a change of its size nobody knows what it shows."""
        if self._first is not None and data == ALTERNATE_SCREEN:
            return
        if self._is_stuck():
            if not self._wire.is_painting(data):
                self._miss(data)
            return
        self._notice_size()
        self._send(self._wire.slim(data))

    def draw(self, lines: Iterable[tuple[Place, Row]], left: Place, *, whole: bool) -> None:
        """Sends what changes on the terminal when these lines stand there; ``whole``: it shows all of it at once."""
        if self._is_stuck():
            return
        self._notice_size()
        sent = self._wire.draw(lines, left)
        self._send(f"{SYNC_BEGIN}{sent}{SYNC_END}" if sent and whole else sent)

    def _is_stuck(self) -> bool:
        """Whether nothing is sent now: a link that stands still must not keep the program from asking and noting."""
        if self._missed is not None:
            return True
        output = self._writer_thread
        if not isinstance(output, Output) or not output.is_stuck or self._leaving:
            return False
        self._missed = {}
        self._loop.call_later(STUCK, self._catch_up, output)
        return True

    def _miss(self, data: str) -> None:
        """Of titles, and of what is said again, only the last is worth sending, after what came before it."""
        if self._missed is not None:
            what = TITLE if data.startswith(TITLE) else data
            self._missed.pop(what, None)
            self._missed[what] = data

    def _catch_up(self, output: Output) -> None:
        if self._missed is None or output is not self._writer_thread:
            return
        if not output.is_taken:
            self._loop.call_later(STUCK, self._catch_up, output)
            return
        missed, self._missed = self._missed, None
        for data in missed.values():
            self.write(data)
        self._wire.forget()
        self._app.call_later(self._app.refresh)

    def _notice_size(self) -> None:
        with contextlib.suppress(OSError):
            size = os.get_terminal_size(self.fileno)
            if size != self._wire_size:
                self._wire_size = size
                self._wire.columns, self._wire.lines = size
                self._wire.forget()

    def _send(self, data: str) -> None:
        if data:
            self._drained = max(self._drained, monotonic()) + len(data) / SLOW_LINK
            super().write(data)

    def send_message(self, message: Message) -> None:
        """Hands a key to the app without a task of its own for it."""
        with contextlib.suppress(RuntimeError):
            # the program may have ended meanwhile
            self._loop.call_soon_threadsafe(self._app.post_message, message)

    @property
    def backlog(self) -> float:
        """Seconds until a slow link has taken all that was written."""
        return max(0.0, self._drained - monotonic())

    def forget_screen(self) -> None:
        """The next full repaint sends everything: for a screen that something else has written on."""
        self._wire.forget()

    def run_input_thread(self) -> None:
        """Reads keys until told to stop; a vanished terminal ends the program instead of spinning."""
        parser = TypedParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        patience = ESCAPE_ROUNDS
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                ready = selector.select(ESCAPE_WAIT if patience else None)
                patience = max(0, patience - 1)
                for key, _ in ready:
                    if key.fd != self.fileno:
                        continue
                    patience = ESCAPE_ROUNDS
                    # to read it takes a turn of its own
                    TURNS.hurry()
                    try:
                        data = os.read(self.fileno, 4096)
                    except OSError:
                        data = b""
                    if not data:
                        self._app.call_later(self._app.exit)
                        return
                    for event in parser.feed(decode(data)):
                        self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)

    def disable_input(self) -> None:
        """Wakes the input thread, so that waiting for its end takes no time."""
        if self._key_thread is threading.current_thread():
            return
        self.exit_event.set()
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"x")
        if self._key_thread is not None:
            self._key_thread.join(1.0)
        with contextlib.suppress(OSError):
            os.read(self._wake_read, 64)
        self.exit_event.clear()
        self._disable_mouse_support()
        with contextlib.suppress(termios.error):
            termios.tcflush(self.fileno, termios.TCIFLUSH)


def _erases_with_colour() -> bool:
    """Whether the terminal, by its description, erases characters and leaves the ground in the pen's colour."""
    try:
        import curses

        curses.setupterm()
        return bool(curses.tigetflag("bce") == 1 and curses.tigetstr("ech") and curses.tigetstr("el"))
    except (ImportError, OSError, curses.error):
        return False


def title_sequence(title: str) -> str:
    """What sets the terminal's window title, which a tmux window list can show."""
    return f"{TITLE}{clean(title, 120)}\x07"
