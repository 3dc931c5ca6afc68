"""What captured lines, trunks and answers of Asterisk's manager mean as registrations."""

from datetime import UTC, datetime

import pytest

from tests.unit.xivo_samples import manager, names, sample
from voiptui.model.records import RegistrationKind, RegistrationState
from voiptui.pbx.errors import BadAnswer, NotFound
from voiptui.pbx.xivo import decode_registrations
from voiptui.pbx.xivo.values import items


def test_lines_are_named_by_confd_and_null_is_unknown_not_offline() -> None:
    rows = decode_registrations.from_calld(
        items(sample("lines-status.json"), "lines"), "paris", RegistrationKind.EXTENSION, names()[0]
    )
    by_id = {row.id: row for row in rows}
    assert (by_id["1"].name, by_id["1"].label, by_id["1"].state) == (
        "1001", "Alice Martin", RegistrationState.REGISTERED)  # fmt: skip
    assert by_id["5"].state is RegistrationState.UNREGISTERED
    assert by_id["6"].state is RegistrationState.UNKNOWN
    assert (by_id["7"].state, by_id["7"].calls) == (RegistrationState.UNKNOWN, None)
    assert by_id["7"].note == "CUSTOM is not watched by Wazo"


def test_what_confd_tells_of_a_line_is_in_its_detail_and_no_code_that_provisions_a_phone() -> None:
    tenants = {"a1df3da8-d54c-4eb8-8afc-6b22e7a8e2a6": "acme", "31b7e450-a1f0-4b65-8ba1-cba77101c0bb": "master"}
    named = decode_registrations.lines(items(sample("confd-lines.json"), "lines"), tenants)
    about = named["1"].about
    assert (about["protocol"], about["tenant"], about["caller_id_num"]) == ("sip", "acme", "1001")
    assert "provisioning_code" not in repr(named)
    assert not any(row["provisioning_code"] in repr(named) for row in items(sample("confd-lines.json"), "lines"))
    trunk = decode_registrations.trunks(items(sample("confd-trunks.json"), "trunks"), tenants)["2"]
    assert trunk.about["client_uri"] == "sip:u2@sip.other.example"


def test_trunks_show_where_they_register_to() -> None:
    rows = decode_registrations.from_calld(
        items(sample("trunks-status.json"), "trunks"), "paris", RegistrationKind.TRUNK, names()[1]
    )
    assert [(row.name, row.state, row.calls, row.address) for row in rows] == [
        ("trunk-a", RegistrationState.REGISTERED, 1, "sip.carrier.example"),
        ("trunk-b", RegistrationState.UNREGISTERED, 0, "sip.other.example"),
        ("iax-peer", RegistrationState.UNKNOWN, None, None),
    ]


def test_endpoints_of_the_manager_are_phones_and_trunks() -> None:
    events = decode_registrations.events(sample("amid-PJSIPShowEndpoints.json"), "amid", "EndpointList")
    phones, trunks = decode_registrations.from_endpoints(events, "paris", *names())
    outbound = decode_registrations.events(
        sample("amid-PJSIPShowRegistrationsOutbound.json"), "amid", "OutboundRegistrationDetail"
    )
    trunks = [decode_registrations.with_outbound(one, outbound, names()[1]) for one in trunks]
    assert [(row.name, row.state) for row in phones[:1] + phones[4:]] == [
        ("1001", RegistrationState.REGISTERED),
        ("abc5", RegistrationState.UNREGISTERED),
        ("abc6", RegistrationState.UNKNOWN),
    ]
    assert phones[0].contacts == ("192.0.2.7:5060",)
    assert [(row.name, row.state) for row in trunks] == [
        ("trunk-a", RegistrationState.REGISTERED),
        ("trunk-b", RegistrationState.REJECTED),
    ]


def test_the_managers_passwords_are_dropped() -> None:
    row = {"Event": "EndpointList", "ObjectName": "abc1", "Auths": "abc1", "Password": "geheim", "Contacts": ""}
    phones, _ = decode_registrations.from_endpoints([row], "paris", {}, {})
    assert "geheim" not in repr(phones)


def test_chan_sip_peers_and_their_registry() -> None:
    def peer(name: str, address: str, status: str) -> dict[str, str]:
        return {"Event": "PeerEntry", "ObjectName": name, "IPaddress": address, "IPport": "5060", "Status": status}

    rows = [peer("abc1", "192.0.2.5", "OK (12 ms)"), peer("abc2", "-none-", "UNKNOWN"),
            peer("abc3", "192.0.2.6", "UNREACHABLE"), peer("abc4", "192.0.2.7", "Unmonitored"),
            peer("trunk-a", "192.0.2.9", "LAGGED (900 ms)")]  # fmt: skip
    phones, trunks = decode_registrations.from_sip_peers(rows, "paris", *names())
    states = [(row.state.value, row.reachable, row.rtt) for row in phones]
    assert states == [
        ("registered", True, 12.0),
        ("unregistered", None, None),
        ("unregistered", False, None),
        ("registered", None, None),
    ]
    registry = [{"Host": "192.0.2.9", "Username": "acct", "State": "No Authentication", "RegistrationTime": "0"}]
    assert decode_registrations.with_registry(trunks[0], registry).state is RegistrationState.REJECTED


def test_contacts_tell_address_device_and_whether_it_answers() -> None:
    rows = [
        {"Endpoint": "abc1", "Uri": "sip:abc1@192.0.2.7:5062;ob", "UserAgent": "Yealink", "Status": "Reachable",
         "RoundtripUsec": "519", "ExpirationTime": "1795357594"},
        {"Endpoint": "abc1", "Uri": "sip:abc1@192.0.2.8:5060", "Status": "Unreachable", "RoundtripUsec": "N/A"},
        {"Endpoint": "abc2", "Uri": "sip:abc2@192.0.2.9", "Status": "Removed", "RoundtripUsec": "N/A"},
    ]  # fmt: skip
    known = decode_registrations.contacts(rows)
    (line,) = decode_registrations.from_calld(
        [{"id": 1, "name": "abc1", "registered": True}], "paris", RegistrationKind.EXTENSION, {}
    )
    row = decode_registrations.with_contacts(line, known["abc1"])
    assert (row.reachable, row.address, row.rtt, row.user_agent) == (True, "192.0.2.7:5062", 0.519, "Yealink")
    assert row.contacts == ("192.0.2.7:5062", "192.0.2.8:5060")
    assert "abc2" not in known


@pytest.mark.parametrize(
    ("presence", "state"),
    [(0, "registered"), (9, "registered"), (4, "unregistered"), (-1, "unknown"), (None, "unknown")],
)
def test_a_hint_tells_only_by_unavailable_that_a_line_is_not_registered(presence: int | None, state: str) -> None:
    named = decode_registrations.Named("1", "abc1", "1001", "Alice")
    assert decode_registrations.from_presence({"presence": presence}, "paris", named).state.value == state


def test_an_error_of_the_manager_comes_with_200() -> None:
    with pytest.raises(NotFound):
        decode_registrations.events([{"Response": "Error", "Message": "No endpoints found"}], "amid", "EndpointList")
    with pytest.raises(BadAnswer):
        decode_registrations.events([{"Response": "Error", "Message": "Invalid/unknown command"}], "amid", "PeerEntry")


def test_a_real_asterisks_contacts_and_endpoints() -> None:
    known = decode_registrations.contacts(
        decode_registrations.events(manager("PJSIPShowContacts"), "amid", "ContactList")
    )
    assert known["201"][0].address == "127.0.0.1:25201"
    assert (known["201"][0].user_agent, known["201"][0].rtt) == ("LabPhone/1.0 (sipp)", 0.519)
    assert known["201"][0].expires == datetime.fromtimestamp(1795357594, UTC)
    rows = decode_registrations.events(manager("PJSIPShowEndpoints"), "amid", "EndpointList")
    phones, _ = decode_registrations.from_endpoints(rows, "paris", {}, {})
    first = next(row for row in phones if row.name == "201")
    assert (first.state, first.calls, first.raw_state) == (RegistrationState.REGISTERED, 2, "In use")


def test_a_real_asterisks_registration_is_told_by_the_uri_it_registers() -> None:
    rows = decode_registrations.events(manager("PJSIPShowRegistrationsOutbound"), "amid", "OutboundRegistrationDetail")
    trunk = decode_registrations.trunks(
        [{"id": 9, "endpoint_sip": {"name": "carrier", "label": "Carrier", "registration_section_options": [
            ["client_uri", "sip:trunk1@127.0.0.1:25070"]]}}]
    )  # fmt: skip
    endpoint = {"Event": "EndpointList", "ObjectName": "carrier", "Contacts": "", "DeviceState": "Unavailable"}
    _, (found,) = decode_registrations.from_endpoints([endpoint], "paris", {}, trunk)
    assert found.state is RegistrationState.UNREGISTERED
    registered = decode_registrations.with_outbound(found, rows, trunk)
    assert (registered.state, registered.label, registered.id) == (RegistrationState.REGISTERED, "Carrier", "9")


def test_events_that_hold_passwords_are_never_read() -> None:
    body = [{"Response": "Success"}, {"Event": "AuthDetail", "Password": "geheim"},
            {"Event": "OutboundRegistrationDetail", "ObjectName": "a"}]  # fmt: skip
    assert "geheim" not in repr(decode_registrations.events(body, "amid", "OutboundRegistrationDetail"))
