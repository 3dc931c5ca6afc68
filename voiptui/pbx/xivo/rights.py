"""The rights of wazo-auth that this program can use, by their names of today and of before Wazo 19.07."""

_EVERYWHERE = (
    "confd.infos.read",
    "confd.lines.read",
    "confd.trunks.read",
    "confd.users.read",
    "confd.status.read",
    "amid.action.PJSIPShowContacts.create",
    "amid.action.PJSIPShowEndpoints.create",
    "amid.action.PJSIPShowRegistrationsOutbound.create",
    "amid.action.CoreShowChannels.create",
    "amid.status.read",
    "websocketd",
)
RIGHTS = (
    "calld.calls.read",
    "calld.lines.read",
    "calld.trunks.read",
    "calld.status.read",
    "call-logd.cdr.read",
    "call-logd.cdr.1.read",
    "call-logd.cdr.1.recordings.1.media.read",
    "call-logd.cdr.recordings.media.export.create",
    "call-logd.exports.1.read",
    "call-logd.exports.1.download.read",
    "call-logd.retention.read",
    "call-logd.queues.statistics.read",
    "call-logd.agents.statistics.read",
    "call-logd.status.read",
    "auth.tenants.read",
    *_EVERYWHERE,
)
"""``1`` stands for any id."""
OLD_RIGHTS = (
    "ctid-ng.calls.read",
    "ctid-ng.lines.1.presences.read",
    "ctid-ng.status.read",
    "call-logd.cdr.read",
    "confd.call_logs.read",
    "amid.action.SIPpeers.create",
    "amid.action.SIPshowregistry.create",
    *_EVERYWHERE,
)
"""Until calld got its name, when registrations came from Asterisk's manager or hints."""
RENAMED = (19, 7)
CALL_LOGD_SINCE = (17, 5)


def version_parts(text: str) -> tuple[int, ...] | None:
    """The parts of a version such as ``26.08`` to compare; ``None`` for XiVO, which tells none."""
    parts = text.split(".")[:2]
    return (
        tuple(map(int, parts)) if all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts) else None
    )


def names(version: tuple[int, ...] | None) -> tuple[str, ...]:
    """The rights as a version names them."""
    return RIGHTS if version is not None and version >= RENAMED else OLD_RIGHTS
