"""The one tree of exceptions that cross the boundary of a telephone system; each text says what the person can do."""

from voiptui.model.clean import clean


class PbxError(Exception):
    """Something went wrong with one telephone system; the text is cleaned and holds no secret."""

    word = "failed"

    def __init__(self, message: str) -> None:
        super().__init__(clean(message, 512))


class Unreachable(PbxError):
    """No connection, no answer in time, or a connection that broke."""

    word = "unreachable"


class NotConnected(Unreachable):
    """No connection was made: nothing was sent."""


class CertificateRejected(Unreachable):
    """The certificate is not the expected one; nothing was sent."""

    word = "certificate rejected"


class AuthenticationFailed(PbxError):
    """The system does not accept the credentials."""

    word = "login failed"


class SecondFactorNeeded(AuthenticationFailed):
    """The login also wants a code that was just sent to its owner; ``challenge`` belongs to that code."""

    def __init__(self, text: str, challenge: str) -> None:
        super().__init__(text)
        self.challenge = challenge


class NotPermitted(PbxError):
    """The credentials lack a right; ``what`` names the resource."""

    word = "not permitted"

    def __init__(self, what: str, message: str | None = None) -> None:
        super().__init__(message or f"the credentials lack the right to read {what}")
        self.what = clean(what)


class Throttled(PbxError):
    """The system asks for fewer requests; ``retry_after`` seconds when it says so."""

    word = "throttled"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BadAnswer(PbxError):
    """An answer that is not what the system's API gives; ``where`` names the request."""

    word = "bad answer"

    def __init__(self, where: str, message: str) -> None:
        super().__init__(f"{where}: {message}")
        self.where = clean(where)


class NotFound(PbxError):
    """The system does not have (any more) what was asked for by its id."""

    word = "not found"


class Unsupported(PbxError):
    """The system, or its version, does not offer this."""

    word = "not offered"
