"""What a failure means: its cause in a word, and the sentence that repairs it."""

import re
from urllib.parse import urlsplit

from voiptui.model.settings import PbxSettings
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    CertificateRejected,
    NotFound,
    NotPermitted,
    PbxError,
    Throttled,
    Unreachable,
    Unsupported,
)
from voiptui.pbx.registry import SYSTEMS

ENGINE = re.compile(r"(asterisk|freeswitch).*(not answer|lost|down|not running|refused)|lost freeswitch", re.IGNORECASE)
"""A sentence that says the telephone engine behind the API is gone."""
START_ENGINE = "start the telephone engine (Asterisk or FreeSWITCH) on the PBX; its web server is well"


def explained(error: PbxError, pbx: PbxSettings, *, answered: bool = False) -> tuple[str, str]:
    """The cause of a failure in a word, and what repairs it.

    ``answered`` says that it answered something else, so that its address is right.
    """
    match error:
        case CertificateRejected() | AuthenticationFailed() | NotPermitted() | Throttled():
            return _refused(error, pbx)
        case Unreachable() if "check url" not in str(error):
            return _unreachable(error)
    said, here = str(error).lower(), f"in [pbx.{pbx.name}]"
    if "redirects to" in said:
        return "redirect", f"put the address it redirects to into url {here}"
    better = None if answered else _better_url(pbx)
    match error:
        case BadAnswer() | NotFound() | Unsupported() | Unreachable() if better:
            return "path", better
        case Unreachable():
            return "path", f"check url, layout and ports {here}"
        case BadAnswer() if "web page" in said:
            return "web page", "check host and port in url: something else answers there, or a proxy asks for a login"
        case BadAnswer() if "no websocket there" in said:
            return "path", f"check url and websocket {here}: a proxy before it must pass websockets on"
        case Unsupported() | NotFound() if answered:
            return "version", "update the PBX: this version is too old (or too new) for what is asked"
        case Unsupported() | NotFound():
            return "version", f"update the PBX if its version is older; else check url and system {here}"
        case BadAnswer():
            return "answer", "it answers, but not as its API does: check url and system, or its version"
    return "answer", "run it again with -vv, which says more"


def _refused(error: PbxError, pbx: PbxSettings) -> tuple[str, str]:
    said = str(error).lower()
    match error:
        case CertificateRejected():
            return "certificate", f"voiptui trust {pbx.name} shows the certificate and pins it"
        case Throttled():
            wait = f" {error.retry_after / 60:.0f} minutes" if error.retry_after and error.retry_after >= 60 else ""
            return "throttled", f"wait{wait or ' a while'}, and let fewer programs ask this PBX from this address"
        case NotPermitted() if "origin" in said:
            return (
                "origin",
                "allow the origin in the settings of the PBX, or set origin and websocket as they are there",
            )
        case NotPermitted() if "firewall" in said:
            return "firewall", "let this address in by the firewall of the PBX"
        case NotPermitted():
            return "right", f"give the credentials the right to read {error.what} on the PBX"
    if "second factor" in said:
        return "second factor", "make an API key in its web interface and configure it as token"
    keys = "token" if pbx.secret("token") else " and ".join(SYSTEMS[pbx.system].credentials[-1])
    return "login", f"correct {keys} in [pbx.{pbx.name}] (a proxy or a changed password may be behind it, too)"


def _unreachable(error: Unreachable) -> tuple[str, str]:
    said = str(error).lower()
    if ENGINE.search(said) or "telephone system" in said:
        return "engine", START_ENGINE
    if "within" in said:
        return "timeout", "it accepts connections but does not answer in time: look at its load, or raise timeout"
    return "connection", "check that a web server answers at this host and port, and look at proxies in between"


def _better_url(pbx: PbxSettings) -> str | None:
    """What to try instead of an address whose path is not the usual one."""
    path = urlsplit(pbx.url).path.rstrip("/")
    usual = urlsplit(SYSTEMS[pbx.system].default_url or "").path.rstrip("/")
    if path == usual:
        return None
    bare = pbx.url.rstrip("/").removesuffix(path) + usual
    return (f"url has the path {path}" if path else f"url lacks the path {usual}") + f': try url = "{bare}"'
