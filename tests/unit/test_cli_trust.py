"""Certificates read, shown and pinned, on servers that present ones made for the test."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cli_black_box import on_terminal, voiptui, written
from tests.unit.tls_servers import certificate, serving
from voiptui.pbx.certificate import Certificate, read


def config_for(folder: Path, port: int, tls: str = "verify", scheme: str = "https") -> Path:
    return written(
        folder / "config.toml",
        f'# all of mine\n[pbx.london]  # the big one\nsystem = "mikopbx"\nurl = "{scheme}://127.0.0.1:{port}"\n'
        f'token = {{ env = "NOT_SET" }}\ntls = "{tls}"  # for now\ntimeout = 3\n',
    )


def test_a_certificate_is_read_as_it_was_made(tmp_path: Path) -> None:
    authority = certificate(tmp_path / "ca.pem", "Example CA", authority=True)
    made = certificate(tmp_path / "a.pem", "pbx.ëxample", ("a.example", "::1", "192.0.2.1"), signer=authority)
    found = read(made.der)
    assert found == Certificate(
        subject="pbx.ëxample (Example Ltd)",
        issuer="Example CA (Example Ltd)",
        not_before=made.certificate.not_valid_before_utc,
        not_after=made.certificate.not_valid_after_utc,
        names=("a.example", "::1", "192.0.2.1"),
    )
    assert not found.self_signed
    assert read(authority.der).self_signed
    far = certificate(tmp_path / "b.pem", until=40 * 365)
    assert read(far.der).not_after == far.certificate.not_valid_after_utc


@given(st.binary(max_size=200))
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="certificate"):
        read(data)


def test_a_certificate_that_was_bent_is_read_or_refused(tmp_path: Path) -> None:
    der = certificate(tmp_path / "a.pem").der
    for at in range(min(len(der), 400)):
        for value in (0, 0x80, 0xFF, 0x30):
            bent = der[:at] + bytes([value]) + der[at + 1 :]
            with contextlib.suppress(ValueError):
                assert read(bent).subject


def test_it_shows_asks_and_pins_keeping_every_comment(tmp_path: Path) -> None:
    made = certificate(tmp_path / "a.pem")
    with serving(made) as port:
        config = config_for(tmp_path, port)
        before = config.read_text()
        with on_terminal(config, "trust", "london") as terminal:
            terminal.answer("Trust exactly this certificate for london from now on?", "n")
            assert terminal.end() == 130
        assert config.read_text() == before
        shown = terminal.shown
        for part in (
            "pbx.example.net (Example Ltd)",
            "itself",
            "127.0.0.1",
            made.fingerprint[:32],
            made.fingerprint[32:],
        ):
            assert part in shown
        assert "not accepted: nobody this machine trusts signed the certificate" in shown
        with on_terminal(config, "trust", "london") as terminal:
            terminal.answer("Trust exactly this certificate for london from now on?", "y")
            assert terminal.end() == 0
        after = config.read_text()
        assert after == before.replace('tls = "verify"', f'tls = "pin:sha256:{made.fingerprint}"')
        again = voiptui(config, "trust", "london")
        assert again.returncode == 0
        assert "this certificate is pinned already" in again.stderr
    other = certificate(tmp_path / "b.pem")
    with serving(other) as port:
        config = config_for(tmp_path, port, f"pin:sha256:{made.fingerprint}")
        changed = voiptui(config, "trust", "london", "--yes")
        assert changed.returncode == 0
        assert f"sha256:{made.fingerprint}  (another one)" in changed.stderr
        assert other.fingerprint in config.read_text()


def test_an_expected_fingerprint_needs_no_question(tmp_path: Path) -> None:
    made = certificate(tmp_path / "a.pem")
    with serving(made) as port:
        config = config_for(tmp_path, port)
        before = config.read_text()
        wrong = voiptui(config, "trust", "london", "--expect", "ab" * 32)
        assert wrong.returncode == 1
        assert "this is not the expected certificate" in wrong.stderr
        assert config.read_text() == before
        colons = ":".join(made.fingerprint.upper()[at : at + 2] for at in range(0, 64, 2))
        right = voiptui(config, "trust", "london", "--expect", f"SHA256:{colons}")
        assert right.returncode == 0, right.stderr
        assert made.fingerprint in config.read_text()


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ([], 2, "expected PBX (see voiptui trust --help)"),
        (["rome"], 2, "no PBX is named 'rome'"),
        (["london", "--expect", "xyz"], 2, "--expect: expected 64 hex digits"),
        (["london"], 2, "Nobody can be asked here: add --yes"),
    ],
)
def test_wrong_usage_is_one_sentence(tmp_path: Path, words: list[str], code: int, sentence: str) -> None:
    with serving(certificate(tmp_path / "a.pem")) as port:
        config = config_for(tmp_path, port)
        before = config.read_text()
        done = voiptui(config, "trust", *words)
    assert done.returncode == code
    assert sentence in done.stderr.splitlines()[-1]
    assert config.read_text() == before


def test_where_there_is_no_certificate(tmp_path: Path) -> None:
    with serving(None) as port:
        plain = voiptui(config_for(tmp_path, port), "trust", "london")
        http = voiptui(config_for(tmp_path, port, scheme="http"), "trust", "london")
    assert plain.returncode == 3
    assert f"no TLS on port {port} of 127.0.0.1" in plain.stderr
    assert http.returncode == 2
    assert "has no TLS, so there is no certificate to trust" in http.stderr
    closed = voiptui(config_for(tmp_path, 9), "trust", "london")
    assert closed.returncode == 3
    assert "nothing listens on port 9 of 127.0.0.1" in closed.stderr
