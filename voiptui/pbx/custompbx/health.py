"""What CustomPBX and its FreeSWITCH say about themselves, for people: pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeGuard

from voiptui.model.clean import clean, text_or_none
from voiptui.model.records import DetailSection
from voiptui.model.time import parse_instant

Facts = tuple[tuple[str, str], ...]

_VERSION = re.compile(r"FreeSWITCH \(?Version ([0-9][\w.+~-]{0,40})", re.IGNORECASE)
_SECRET = re.compile(r"pass|token|secret|auth|credential|key\b|dsn|db-info", re.IGNORECASE)
HIDDEN = "(hidden)"


def version_of(answer: str) -> str | None:
    """FreeSWITCH's version in the answer of ``version`` or ``status``."""
    found = _VERSION.search(answer)
    return clean(found[1]) if found else None


def status_facts(answer: str) -> Facts:
    """Uptime, sessions and load from FreeSWITCH's ``status``."""
    facts: list[tuple[str, str]] = []
    for line in answer.splitlines()[:20]:
        text = clean(line)
        if text.startswith("UP "):
            facts.append(("FreeSWITCH up for", re.sub(r", \d+ milliseconds?.*", "", text[3:])))
        elif "session(s) max" in text:
            facts.append(("Most sessions", text.partition(" ")[0]))
        elif "session(s) - peak" in text:
            facts.append(("Sessions", text.replace("session(s) - ", "now, ")))
        elif "per Sec" in text:
            facts.append(("Sessions per second", text.replace("session(s) per Sec out of max", "of at most")))
        elif text.startswith("min idle cpu"):
            facts.append(("Idle CPU, least and now", text.removeprefix("min idle cpu ")))
    return tuple(facts)


def daemon_of(answer: Mapping[str, Any]) -> tuple[Facts, tuple[str, ...]]:
    """The state of CustomPBX's own connections as facts and warnings; its error members say nothing useful."""
    daemon = answer.get("daemon")
    if not isinstance(daemon, dict):
        return (), ()
    facts: list[tuple[str, str]] = []
    warnings: list[str] = []
    for key, title, warning in (
        ("esl_connection", "FreeSWITCH connection", "CustomPBX has lost FreeSWITCH: its states are old"),
        ("database_connection", "Database", "CustomPBX has lost its own database"),
        ("cdr_database_connection", "CDR database", None),
    ):
        value = daemon.get(key)
        if isinstance(value, bool):
            # the CDR database is only connected by the first query
            facts.append((title, "connected" if value else "not connected" if warning else "not used yet"))
            if warning and not value:
                warnings.append(warning)
    return tuple(facts), tuple(warnings)


def dashboard_of(answer: Mapping[str, Any]) -> tuple[Facts, tuple[str, ...], datetime | None]:
    """The machine, its load, counters, profiles and gateways of ``[Dashboard]``; warnings; and its clock.

    Zero values are left out over there; ``null`` lists and ``null`` inside a list are tolerated.
    """
    board = answer.get("dashboard_data")
    if not isinstance(board, dict):
        return (), (), None
    facts: list[tuple[str, str]] = []
    warnings: list[str] = []
    host = " · ".join(text for key in ("hostname", "platform", "os") if (text := text_or_none(board.get(key))))
    if host:
        facts.append(("Host of CustomPBX", host))
    metrics = board.get("dynamic_metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    cores = metrics.get("core_utilization")
    loads = [float(core) for core in cores if _number(core)] if isinstance(cores, list) else []
    if loads:
        model = text_or_none(board.get("cpu_model")) or ""
        facts.append(("CPU", f"{sum(loads) / len(loads):.0f} % of {len(loads)} cores · {model}".rstrip(" ·")))
    for title, used, free, total in (
        ("Memory", "percentage_used_memory", "free_memory", "total_memory"),
        ("Disk", "percentage_disk_usage", "free_disk_space", "total_disc_space"),
    ):
        share = metrics.get(used)
        if _number(share):
            facts.append((title, f"{share:.0f} % used{_sizes(metrics.get(free), metrics.get(total))}"))
            if share >= 90:
                warnings.append(f"{title.lower()} of CustomPBX's machine is {share:.0f} % full")
    counter = board.get("calls_counter")
    if isinstance(counter, dict):
        answered, total_channels = counter.get("answered"), counter.get("total")
        if isinstance(answered, int) and isinstance(total_channels, int):
            facts.append(("Channels (legs, not calls)", f"{total_channels}, {answered} answered"))
    for item in _list(board.get("sofia_profiles")):
        name, state = text_or_none(item.get("name")), text_or_none(item.get("state"))
        if name:
            facts.append((f"Profile {name}", state or ("started" if item.get("started") is True else "not running")))
    stamp = board.get("timestamp")
    clock = parse_instant(stamp) if isinstance(stamp, str) else None
    return tuple(facts), tuple(warnings), clock


def _list(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18


def _sizes(free: object, total: object) -> str:
    if isinstance(free, int) and isinstance(total, int) and not isinstance(free, bool):
        return f", {free / 1e9:.1f} of {total / 1e9:.1f} GB free"
    return ""


def modules_of(answer: Mapping[str, Any]) -> DetailSection | None:
    """Which modules are imported into CustomPBX, and whether FreeSWITCH has them loaded."""
    modules = answer.get("modules")
    if not isinstance(modules, dict):
        return None
    lines = tuple(
        (clean(str(name), 40), "loaded" if module.get("loaded") is True else "not loaded")
        for name, module in modules.items()
        if isinstance(module, dict)
    )
    return DetailSection(title="Modules", lines=lines) if lines else None


def instances_of(answer: Mapping[str, Any]) -> DetailSection | None:
    """The FreeSWITCH instances CustomPBX knows, without their credentials; one process serves one of them."""
    instances = answer.get("fs_instances")
    if not isinstance(instances, dict):
        return None
    current = answer.get("id")
    lines = tuple(
        (
            text_or_none(one.get("name")) or "unnamed",
            f"{text_or_none(one.get('host')) or '?'}:{text_or_none(one.get('port')) or '?'}"
            + (" (this one)" if one.get("id") == current else "" if one.get("enabled") is True else " (disabled)"),
        )
        for one in instances.values()
        if isinstance(one, dict)
    )
    return DetailSection(title="FreeSWITCH instances", lines=lines) if lines else None


def settings_of(answer: Mapping[str, Any]) -> DetailSection:
    """CustomPBX's own settings as lines, every secret hidden."""
    lines: list[tuple[str, str]] = []

    def walk(prefix: str, value: object, depth: int) -> None:
        if isinstance(value, dict) and depth < 6:
            for key, item in value.items():
                name = f"{prefix}.{key}" if prefix else str(key)
                if _SECRET.search(str(key)) and not str(key).endswith("_path"):
                    lines.append((clean(name, 80), HIDDEN))
                else:
                    walk(name, item, depth + 1)
        elif isinstance(value, list):
            lines.append((clean(prefix, 80), clean(", ".join(str(item) for item in value[:50]))))
        else:
            lines.append((clean(prefix, 80), "" if value is None else clean(str(value))))

    walk("", answer.get("settings"), 0)
    return DetailSection(title="Settings of CustomPBX", lines=tuple(lines))


def agents_of(answer: Mapping[str, Any]) -> DetailSection | None:
    """The call-centre agents: status, state and calls answered; ``None`` when the module is not imported."""
    lines = tuple((text_or_none(agent.get("name")) or "unnamed", _agent(agent)) for agent in _items(answer))
    return DetailSection(title="Call-centre agents", lines=lines) if lines else None


def _agent(agent: Mapping[str, Any]) -> str:
    words = [text_or_none(agent.get(key)) or "?" for key in ("status", "state")]
    return f"{', '.join(words)}, {text_or_none(agent.get('calls_answered')) or '0'} answered"


def tiers_of(answer: Mapping[str, Any]) -> DetailSection | None:
    """Which agent serves which queue; ``None`` when the module is not imported."""
    lines = tuple((text_or_none(tier.get("queue")) or "?", _tier(tier)) for tier in _items(answer))
    return DetailSection(title="Call-centre tiers", lines=lines) if lines else None


def _tier(tier: Mapping[str, Any]) -> str:
    agent, state, level = (text_or_none(tier.get(key)) or "?" for key in ("agent", "state", "level"))
    return f"{agent}, {state}, level {level}"


def members_of(answer: Mapping[str, Any]) -> DetailSection | None:
    """The callers in the queues, by what becomes of them."""
    counts: dict[str, dict[str, int]] = {}
    for member in _items(answer):
        queue = counts.setdefault(text_or_none(member.get("queue")) or "?", {})
        state = (text_or_none(member.get("state")) or "?").lower()
        queue[state] = queue.get(state, 0) + 1
    lines = tuple(
        (queue, ", ".join(f"{number} {state}" for state, number in states.items())) for queue, states in counts.items()
    )
    return DetailSection(title="Callers in queues", lines=lines) if lines else None


def switches_of(answer: Mapping[str, Any]) -> DetailSection | None:
    """Whether the dialplan's debug, which slows routing for everybody, was left on."""
    enabled = answer.get("enabled")
    if enabled is not True and enabled is not False:
        return None
    told = "on: it slows the routing of every call" if enabled else "off"
    return DetailSection(title="Switches", lines=(("Dialplan debug", told),))


def websockets_of(answer: object) -> DetailSection | None:
    """CustomPBX's own figures about its websockets, of which failures are of interest."""
    if not isinstance(answer, dict):
        return None
    lines = tuple(
        (title, str(answer[key]))
        for key, title in (
            ("active", "open"),
            ("broadcasts", "broadcasts"),
            ("queue_overflows", "readers too slow"),
            ("failed_writes", "failed writes"),
            ("handler_failures", "failed requests"),
        )
        if isinstance(answer.get(key), int)
    )
    return DetailSection(title="Websockets of CustomPBX", lines=lines) if lines else None


def _items(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = answer.get("data")
    return _list(data.get("items")) if isinstance(data, dict) else []
