"""``voiptui trust``: shows the certificate of a telephone system and pins it after a yes."""

import argparse
import re
import sys
from pathlib import Path

from voiptui.cli.asking import confirmed
from voiptui.cli.common import chosen, say, waited_for
from voiptui.cli.errors import Exit, UsageError
from voiptui.cli.probe import Presented, Trouble, day, judged, place_of, presented, proxy_for, reach
from voiptui.config.load import config_path, load
from voiptui.model.settings import PbxSettings, Tls, TlsMode

_FINGERPRINT = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")


def trust_arguments(parser: argparse.ArgumentParser) -> None:
    """Which system."""
    parser.add_argument("name", metavar="PBX", help="the telephone system whose certificate is pinned")
    parser.add_argument(
        "--expect", metavar="SHA256", help="pin it only if it has this fingerprint; then nobody is asked"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask: trust whatever is presented now")


def trust(args: argparse.Namespace) -> int:
    """Looks, shows, asks, and writes the pin into the configuration file."""
    expected = _fingerprint(args.expect)
    args.pbx = [args.name]
    config = load(config_path(args.config), lambda _: False)
    pbxs = chosen(config, args.pbx)
    if len(pbxs) != 1 or config.path is None:
        raise UsageError(f"trust: expected the name of one PBX, found {args.name!r}")
    pbx = pbxs[0]
    place = place_of(pbx)
    if place.scheme != "https":
        raise UsageError(f"{pbx.name}: {pbx.url} has no TLS, so there is no certificate to trust")
    proxy = proxy_for(place)
    if proxy is not None:
        raise UsageError(f"{pbx.name}: the proxy {proxy} stands before it (unset https_proxy to look directly)")
    try:
        waited_for(f"connecting to {place}", reach(pbx))
        found = waited_for("looking at its certificate", presented(place, pbx.timeout))
    except Trouble as trouble:
        say(f"{pbx.name}: {trouble}: {trouble.repair}")
        return Exit.NONE_ANSWERED
    print("\n".join(lines(pbx, found)), file=sys.stderr)
    if pbx.tls.mode is TlsMode.PIN and pbx.tls.value == found.fingerprint:
        say(f"{pbx.name}: this certificate is pinned already")
        return Exit.OK
    if expected is not None and expected != found.fingerprint:
        say(f"{pbx.name}: this is not the expected certificate; nothing was changed")
        return Exit.SOME_FAILED
    question = f"Trust exactly this certificate for {pbx.name} from now on?"
    if expected is None and not confirmed(question, yes=args.yes):
        say("nothing was changed")
        return Exit.INTERRUPTED
    return _store(config.path, pbx.name, found)


def _store(path: Path, name: str, found: Presented) -> int:
    from voiptui.config.edit import NotEditable, with_key, write
    from voiptui.config.load import read_text

    pin = f"pin:sha256:{found.fingerprint}"
    try:
        write(path, with_key(read_text(path), name, "tls", pin))
    except NotEditable as error:
        say(f"{path}: {error}")
        return Exit.SOME_FAILED
    say(f'{path}: tls of {name} is now "{pin}"')
    return Exit.OK


def _fingerprint(text: str | None) -> str | None:
    if text is None:
        return None
    match = _FINGERPRINT.match(text.strip().lower().replace("sha256:", "sha256/").replace(":", "").replace("/", ":"))
    if match is None:
        raise UsageError("--expect: expected 64 hex digits, with or without colons and sha256: before them")
    return match[1]


def lines(pbx: PbxSettings, found: Presented) -> list[str]:
    """What a person compares before trusting a certificate."""
    made = [f"{pbx.name}: {place_of(pbx)} presents, by {found.version},", ""]
    certificate = found.certificate
    if certificate is None:
        made.append("  a certificate that cannot be read")
    else:
        made += [
            f"  subject      {certificate.subject}",
            f"  signed by    {'itself' if certificate.self_signed else certificate.issuer}",
            f"  holds        {day(certificate.not_before)} to {day(certificate.not_after)}",
            f"  for hosts    {', '.join(certificate.names[:8]) or '(none named)'}",
        ]
    pin = found.fingerprint
    made += [
        f"  fingerprint  sha256:{pin[:32]}",
        f"               {' ' * 7}{pin[32:]}",
        f"  by itself    {_verdict(pbx)}",
    ]
    if pbx.tls.mode is TlsMode.PIN:
        made.append(
            f"  pinned now   sha256:{pbx.tls.value}  (another one)"
            if pbx.tls.value != pin
            else "  pinned now   this one"
        )
    return [*made, ""]


def _verdict(pbx: PbxSettings) -> str:
    from msgspec import structs

    try:
        waited_for("judging it", judged(structs.replace(pbx, tls=Tls())))
    except Trouble as trouble:
        return f"not accepted: {trouble}"
    return "accepted without a pin; a pin must be renewed with every new certificate"
