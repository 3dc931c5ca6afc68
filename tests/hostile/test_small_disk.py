"""A disk of a few hundred kilobytes, really full: what is said, what is left behind, and how it goes on with room."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.unit.cli_black_box import environment, rows, simulated, voiptui, written

IN_A_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
SMALL = ("mount -t tmpfs -o size=128k none {disk}", "mount -o remount,size=64m {disk}")
"""A disk of its own, and more room on it: for root, or where the kernel lets anybody mount in a namespace."""
BOUNDED = ("ulimit -S -f 100", "ulimit -S -f unlimited")
"""Elsewhere a bound on every file, which fails as a full disk does."""


def mounts() -> bool:
    """Whether a disk can be made here."""
    command = [*IN_A_NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_small_disk_is_said_leaves_nothing_broken_and_is_used_again(tmp_path: Path) -> None:
    prefix, how = (IN_A_NAMESPACE, SMALL) if mounts() else ([], BOUNDED)
    disk = tmp_path / "disk"
    disk.mkdir()
    full, roomy = (line.format(disk=shlex.quote(str(disk))) for line in how)
    with simulated("london") as sites:
        config = written(tmp_path / "config.toml", sites.text)
        found = rows(voiptui(config, "cdr", "recording = yes billsec > 60", "--legs"))
        # one that was transferred has several files
        call = shlex.quote(next("{pbx}:{id}".format(**row) for row in found if len(row["legs"]) == 1))
        program = f"{shlex.quote(sys.executable)} -m voiptui --config {shlex.quote(str(config))}"
        script = f"""
            trap '' XFSZ
            cd {shlex.quote(str(disk))}
            {full} || exit 99
            cd {shlex.quote(str(disk))}
            {program} recording {call} -o .; echo code $?
            ls *.wav* *.part
            {program} cdr --since -20h --limit all --format csv > rows.csv; echo code $?
            rm rows.csv
            {roomy}
            {program} recording {call} -o .; echo code $?
            ls *.wav* *.part
        """
        settings = environment(XDG_STATE_HOME=str(tmp_path / "state"))
        done = subprocess.run(
            [*prefix, "bash", "-c", script], capture_output=True, text=True, timeout=90, env=settings, check=False
        )
    told = [re.sub(r"\S*\.(wav|part)$", r"\1", line) for line in done.stdout.splitlines()]
    assert told == ["code 3", "part", "code 3", "wav", "code 0", "wav"], done
    assert "no space left in" in done.stderr
    assert "make room and try again" in done.stderr
    assert "the output cannot be written: " in done.stderr
    assert "Traceback" not in done.stderr
