"""Writing to a terminal: in order, without waiting for one that takes nothing, and past one that is gone."""

import os
import pty
import select
import time
import tty
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pytest

from voiptui.ui.output import Output


class Link:
    """Both ends of a terminal."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.file: TextIO = os.fdopen(slave, "w", encoding="utf-8", buffering=1 << 16)

    def read(self, size: int) -> bytes:
        """So many bytes, or what came within a while."""
        came, end = b"", time.monotonic() + 10
        while len(came) < size and time.monotonic() < end:
            if select.select([self.master], [], [], 0.05)[0]:
                came += os.read(self.master, 1 << 16)
        return came


@pytest.fixture
def link() -> Iterator[Link]:
    one = Link()
    yield one
    for close in (one.file.close, lambda: os.close(one.master)):
        with suppress(OSError):
            close()


def test_what_is_written_is_there_at_once(link: Link) -> None:
    out = Output(link.file)
    # without its thread, which nothing of this needs
    out.write("é山")
    assert select.select([link.master], [], [], 0)[0]
    assert link.read(5) == "é山".encode()
    assert os.get_blocking(link.file.fileno()), "others write to this terminal as before"


def test_a_terminal_that_takes_nothing_is_not_waited_for_and_gets_all_in_its_order(link: Link) -> None:
    out = Output(link.file)
    out.start()
    texts = [f"{n:05}é" * 2000 for n in range(20)]
    for text in texts:
        out.write(text)
    whole = "".join(texts).encode()
    assert link.read(len(whole)) == whole
    out.stop()
    assert not out.is_alive()


def test_a_terminal_that_is_gone_is_no_error(link: Link) -> None:
    out = Output(link.file)
    out.start()
    os.close(link.master)
    for _ in range(3):
        out.write("x" * 100_000)
    out.stop()
    assert not out.is_alive()
    link.master = os.open(os.devnull, os.O_RDONLY)


def test_what_is_no_terminal_is_written_to_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "written"
    with path.open("w", encoding="utf-8") as file:
        out = Output(file)
        out.start()
        out.write("one ")
        out.write("two")
        out.stop()
    assert path.read_text() == "one two"
