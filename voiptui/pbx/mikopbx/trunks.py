"""Trunks by the names that people gave them; MikoPBX itself writes ids such as ``SIP-TRUNK-A1B2C3D4`` everywhere."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from msgspec.structs import replace

from voiptui.model.records import Call, Cdr, Registration, RegistrationKind

Record = TypeVar("Record", Call, Cdr)

# the list writes the technology before the name
_TECHNOLOGY = re.compile(r"(?:SIP|IAX): ")


def names(trunks: tuple[Registration, ...]) -> dict[str, str]:
    """Id to name of trunks as decoded; a name that several have keeps the id behind it."""
    plain = {
        one.id: _TECHNOLOGY.sub("", one.label, count=1)
        for one in trunks
        if one.kind is RegistrationKind.TRUNK and one.label
    }
    shared = Counter(plain.values())
    return {key: name if shared[name] == 1 else f"{name} ({key})" for key, name in plain.items()}


def named_registration(one: Registration, known: Mapping[str, str]) -> Registration:
    """A trunk under its name; its id stays what it was."""
    return replace(one, name=known.get(one.id, one.name)) if one.kind is RegistrationKind.TRUNK else one


def has_trunk(record: Call | Cdr) -> bool:
    """Whether a trunk had to do with this call."""
    return record.trunk is not None or any(leg.trunk for leg in record.legs)


def named(record: Record, known: Mapping[str, str]) -> Record:
    """A call with its trunks, and those of its legs, by their names."""
    if not known or not has_trunk(record):
        return record
    legs = tuple(replace(leg, trunk=known.get(leg.trunk, leg.trunk)) if leg.trunk else leg for leg in record.legs)
    trunk = known.get(record.trunk, record.trunk) if record.trunk else None
    return replace(record, trunk=trunk, legs=legs)
