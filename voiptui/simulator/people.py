"""Who and what populates the simulated world: names, companies, devices, telephone numbers."""

from msgspec import Struct

FIRST_NAMES = (
    "James", "Amelia", "José", "Zoë", "Søren", "Łukasz", "Aoife", "Jürgen", "Chloé", "Giulia", "Nikolaos", "Anaïs",
    "Björn", "İpek", "Siân", "Matteo", "Ewa", "Tomáš", "Ngọc", "Priya", "Olumide", "Fatima", "Kenji", "Iryna",
    "Иван", "Наталья", "Δημήτρης", "伟", "さくら", "지우", "Mehmet", "Camille", "Lars", "Inês", "Bence", "Marie-Claire",
)  # fmt: skip
LAST_NAMES = (
    "Smith", "O’Brien", "García Márquez", "Müller", "Nguyễn", "Kowalski", "D’Amico", "Dubois", "Ångström", "Şahin",
    "van der Berg", "Novák", "Papadopoulos", "Okafor", "Sharma", "Yamada", "Petrenko", "Соколов", "Παππάς", "王",
    "佐藤", "김", "Lefèvre", "Rossi", "Núñez", "Szabó", "Jensen", "MacLeod", "Brandt", "Conti", "Moreau", "Fischer",
)  # fmt: skip
DEVICES = (
    "Yealink SIP-T46U 108.86.0.20", "Yealink SIP-T54W 96.86.0.70", "snomD785/10.1.169.16", "Grandstream GXP2170 1.0.11",
    "PolycomVVX-VVX_411-UA/6.4.6.2453", "Cisco/SPA504G-7.6.2g", "Fanvil X6U 2.12.1", "Gigaset N510 IP PRO/42.258",
    "Zoiper rv2.10.20.5", "LinphoneAndroid/5.2.3 (Pixel 8) LinphoneSDK/5.3.50", "MicroSIP/3.21.5", "Telephone 1.6",
    "Bria Desktop 6.6.3", "AVM FRITZ!Box 7590 154.08.00", "Jitsi2.10.5550Linux",
)  # fmt: skip
TAGS = ("sales", "support", "vip", "complaint", "callback")
CAUSES = {
    1: "UNALLOCATED_NUMBER",
    16: "NORMAL_CLEARING",
    17: "USER_BUSY",
    18: "NO_USER_RESPONSE",
    19: "NO_ANSWER",
    20: "SUBSCRIBER_ABSENT",
    21: "CALL_REJECTED",
    26: "LOSE_RACE",
    27: "DESTINATION_OUT_OF_ORDER",
    34: "NORMAL_CIRCUIT_CONGESTION",
    38: "NETWORK_OUT_OF_ORDER",
    41: "NORMAL_TEMPORARY_FAILURE",
}
"""Q.850 cause codes that occur in the world, by the names FreeSWITCH gives them."""
SIP_REASONS = {
    100: "Trying",
    180: "Ringing",
    200: "OK",
    403: "Forbidden",
    404: "Not Found",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    487: "Request Terminated",
    500: "Server Internal Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    603: "Decline",
}


class Number(Struct, frozen=True):
    """A public telephone number: country code and the rest; some countries dial a 0 before the rest at home."""

    country: str
    rest: str

    @property
    def e164(self) -> str:
        """With + and country code."""
        return f"+{self.country}{self.rest}"

    def written(self, style: str, home: str) -> str:
        """As one site writes it: ``e164``, ``00``, ``bare`` (no prefix) or ``national`` (00 only for abroad)."""
        if style == "e164":
            return self.e164
        if style == "bare":
            return self.country + self.rest
        if style == "national" and self.country == home:
            return self.rest if home in {"39", "1", "34"} else "0" + self.rest
        return f"00{self.country}{self.rest}"


class Contact(Struct, frozen=True):
    """Somebody outside: the name their carrier sends (may be empty) and their number."""

    name: str
    number: Number


ACME = Contact("Acme Ltd", Number("44", "2079460018"))
CUSTOMER = Contact("Rossi Trasporti S.r.l.", Number("39", "3331234567"))
OUTSIDE = (
    ACME,
    CUSTOMER,
    Contact("Contoso GmbH", Number("49", "3023125042")),
    Contact("Boulangerie Moreau", Number("33", "199005512")),
    Contact("Fabrikam Inc", Number("1", "2125550142")),
    Contact("Клиника «Здоровье»", Number("7", "4951112233")),
    Contact("Taller Núñez e Hijos", Number("34", "910550133")),
    Contact("Nordisk Havn A/S", Number("45", "33550199")),
    Contact("東京デザイン", Number("81", "355500123")),
    Contact("St. Mary’s Surgery", Number("44", "1134960555")),
    Contact("Studio D’Amico", Number("39", "0665550177")),
    Contact("", Number("44", "7700900461")),
    Contact("", Number("33", "639980077")),
    Contact("", Number("39", "3289990044")),
    Contact("", Number("1", "6465550187")),
    Contact("WIRELESS CALLER", Number("1", "3055550119")),
    Contact("Brandt & Söhne", Number("49", "8999998877")),
    Contact("", Number("44", "2890180321")),
    Contact("Café Zoë", Number("31", "207940155")),
    Contact("Kovács Kft.", Number("36", "15550188")),
)
SPAMMER = Contact("PRIZE DRAW", Number("44", "2079460999"))
