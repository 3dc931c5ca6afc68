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


def explained(error: PbxError, pbx: PbxSettings) -> tuple[str, str]:
    """The cause of a failure in a word, and what repairs it."""
    said = str(error).lower()
    key = (
        "token" if pbx.secret("token") else "login and password" if pbx.system != "voipstudio" else "email and password"
    )
    path = urlsplit(pbx.url).path.rstrip("/")
    usual = urlsplit(SYSTEMS[pbx.system].default_url or "").path.rstrip("/")
    strange = bool(path) and path != usual
    bare = pbx.url.removesuffix(path) + usual
    match error:
        case CertificateRejected():
            return "certificate", f"voiptui trust {pbx.name} shows the certificate and pins it"
        case AuthenticationFailed() if "second factor" in said:
            return "second factor", "make an API key in its web interface and configure it as token"
        case AuthenticationFailed():
            return "login", f"correct {key} in [pbx.{pbx.name}] (a proxy or a changed password may be behind it, too)"
        case NotPermitted():
            return "right", _permission(error)
        case Throttled():
            wait = f" {error.retry_after / 60:.0f} minutes" if error.retry_after and error.retry_after >= 60 else ""
            return "throttled", f"wait{wait or ' a while'}, and let fewer programs ask this PBX from this address"
        case BadAnswer() if "redirects to" in said:
            return "redirect", f"put the address it redirects to into url of [pbx.{pbx.name}]"
        case BadAnswer() | NotFound() | Unsupported() if strange:
            return "path", f'url has the path {path}: try url = "{bare}"'
        case BadAnswer() if "web page" in said:
            return "web page", "check host and port in url: something else answers there, or a proxy asks for a login"
        case BadAnswer() if "no websocket there" in said:
            return "path", f"check url and websocket in [pbx.{pbx.name}]: a proxy before it must pass websockets on"
        case Unsupported() | NotFound():
            return "version", "update the PBX: this version is too old (or too new) for what is asked"
        case BadAnswer():
            return "answer", "it answers, but not as its API does: check url and system, or its version"
        case Unreachable() if ENGINE.search(str(error)) or "telephone system" in said:
            return "engine", "start the telephone engine (Asterisk or FreeSWITCH) on the PBX; its web server is well"
        case Unreachable() if "within" in said:
            return "timeout", "it accepts connections but does not answer in time: look at its load, or raise timeout"
        case Unreachable():
            return "connection", "check that a web server answers at this host and port, and look at proxies in between"
    return "answer", "run it again with -vv, which says more"


def _permission(error: NotPermitted) -> str:
    said = str(error).lower()
    if "origin" in said:
        return "allow the origin in the settings of the PBX, or set origin and websocket as they are there"
    if "firewall" in said:
        return "let this address in by the firewall of the PBX"
    return f"give the credentials the right to read {error.what} on the PBX"
