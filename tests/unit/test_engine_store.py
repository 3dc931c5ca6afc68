"""What the store keeps, marks, tells and logs."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.unit.engine_system import EPOCH, VirtualLoop, phone, snapshot, virtually
from voiptui.engine.clock import Clock
from voiptui.engine.events import Event, Severity
from voiptui.engine.rows import MOST_REVISIONS, Journal
from voiptui.engine.status import Counts, State
from voiptui.engine.store import Changed, Store
from voiptui.model.records import Call, Kind, Registration, RegistrationKind, RegistrationState, Stream
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, NotPermitted, Unreachable

S = RegistrationState
R, C, H = Stream.REGISTRATIONS, Stream.CALLS, Stream.HEALTH


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def store(self) -> Store:
        return Store(clock=Clock(now=lambda: EPOCH + timedelta(seconds=self.seconds), monotonic=lambda: self.seconds))


def events(store: Store) -> list[tuple[str, Severity, float | None, bool]]:
    return [(event.text, event.severity, event.duration, event.at_least) for event in store.events]


def carrier(state: RegistrationState = S.REGISTERED, **more: Any) -> Registration:
    return phone("carrier", state, kind=RegistrationKind.TRUNK, **more)


STEP = st.one_of(
    st.tuples(st.just("wait"), st.floats(0.001, 90)),
    st.tuples(st.just("set clock"), st.floats(-7200, 7200)),
    st.tuples(st.just("put"), st.sampled_from([R, C]), st.none() | st.floats(1, 60)),
    st.tuples(st.just("fail"), st.sampled_from([R, C]), st.none() | st.floats(1, 60), st.booleans()),
    st.tuples(st.just("expect"), st.sets(st.sampled_from([R, C, H]))),
    st.tuples(st.just("lack"), st.sampled_from([R, C])),
)


@given(st.lists(STEP, max_size=10))
def test_a_status_is_the_same_however_often_it_was_asked_for(steps: list[tuple[Any, ...]]) -> None:
    def lived(*, asked: bool) -> tuple[Store, Any]:
        clock = {"at": 1000.0, "ahead": 0.0}
        times = Clock(
            now=lambda: EPOCH + timedelta(seconds=clock["at"] + clock["ahead"]), monotonic=lambda: clock["at"]
        )
        store = Store(["london"], clock=times)
        for step in steps:
            match step:
                case "wait", seconds:
                    clock["at"] += seconds
                case "set clock", seconds:
                    clock["ahead"] += seconds
                case "put", stream, fresh_for:
                    store.put(snapshot(stream=stream), fresh_for=fresh_for)
                case "fail", stream, retry_in, whole:
                    store.fail(
                        "london", stream, Unreachable("gone") if whole else BadAnswer("x", "y"), retry_in=retry_in
                    )
                case "expect", streams:
                    store.expect("london", streams)
                case "lack", stream:
                    store.unsupported("london", stream, "not here")
            if asked:
                store.status("london")
        return store, store.status("london")

    (_, often), (_, once) = lived(asked=True), lived(asked=False)
    for one, other in ((often, once), *((often.streams[stream], once.streams[stream]) for stream in (R, C, H))):
        plain = structs.asdict(one), structs.asdict(other)
        for name, value in plain[0].items():
            wanted = plain[1][name]
            if isinstance(value, float):
                assert value == pytest.approx(wanted, abs=1e-6)
            elif isinstance(value, datetime):
                assert abs((value - wanted).total_seconds()) < 0.1
            elif name != "streams":
                assert value == wanted, name


def test_a_row_that_did_not_change_stays_the_same_object() -> None:
    store = Hand().store()
    store.put(snapshot(phone("204"), phone("205")))
    before, revision = store.rows(Kind.REGISTRATION), store.revision
    store.put(snapshot(phone("205"), phone("204")))
    after = store.rows(Kind.REGISTRATION)
    assert {id(row) for row in before} == {id(row) for row in after}
    assert store.changed_since(Kind.REGISTRATION, revision).changed == {}
    assert store.mark(Kind.REGISTRATION, before[0].key) is None


def test_changed_fields_are_marked_but_not_what_changes_with_every_poll() -> None:
    hand = Hand()
    store = hand.store()
    call = Call(pbx="london", id="1", duration=3, dst="204")
    store.put(snapshot(call, stream=C))
    revision = store.revision
    store.put(snapshot(Call(pbx="london", id="1", duration=8, dst="204"), stream=C))
    assert store.mark(Kind.CALL, call.key) is None
    assert store.changed_since(Kind.CALL, revision).changed[call.key].duration == 8
    hand.seconds += 5
    store.put(snapshot(Call(pbx="london", id="1", duration=13, dst="611"), stream=C))
    mark = store.mark(Kind.CALL, call.key)
    assert mark is not None
    assert (mark.fields, mark.at_seconds, mark.new) == (frozenset({"dst"}), 1005.0, False)
    store.put(snapshot(stream=C))
    assert store.changed_since(Kind.CALL, revision).removed == {call.key}
    assert store.mark(Kind.CALL, call.key) is None


def test_a_failure_keeps_the_rows_as_stale_with_their_age() -> None:
    hand = Hand()
    store = hand.store()
    store.put(snapshot(phone()), latency=0.2)
    hand.seconds += 45
    store.fail("london", R, Unreachable("no answer"), retry_in=60)
    status = store.status("london").streams[R]
    assert (status.state, status.age, status.error) == (State.STALE, 45.0, "no answer")
    assert status.retry_at is not None
    assert (status.retry_at - store.clock.now()).total_seconds() == 60
    assert store.rows(Kind.REGISTRATION) == [phone()]
    store.put(snapshot(phone()))
    assert store.status("london").state is State.FRESH


def test_data_nobody_renews_are_not_called_fresh() -> None:
    hand = Hand()
    store = hand.store()
    store.put(snapshot(phone()), fresh_for=60)
    hand.seconds += 61
    assert store.status("london").state is State.STALE


def test_without_an_answer_nothing_is_zero() -> None:
    store = Hand().store()
    store.fail("london", R, AuthenticationFailed("the password is wrong"))
    status = store.status("london")
    assert status.counts == Counts()
    assert (status.state, status.word) == (State.FAILED, "login failed")
    assert store.status("madrid").state is State.CONNECTING
    assert store.status("madrid").taken is None


def test_an_incomplete_answer_loses_nothing_for_a_while() -> None:
    hand = Hand()
    store = hand.store()
    store.put(snapshot(phone("204"), carrier()))
    hand.seconds += 30
    store.put(snapshot(phone("204"), partial="trunks: HTTP 500"))
    assert len(store.rows(Kind.REGISTRATION)) == 2
    assert list(store.events) == []
    hand.seconds += 10
    assert store.unconfirmed(Kind.REGISTRATION, carrier().key) == 10
    assert store.status("london").streams[R].partial == "trunks: HTTP 500"
    store.put(snapshot(phone("204"), carrier()))
    assert store.unconfirmed(Kind.REGISTRATION, carrier().key) is None
    store.put(snapshot(phone("204"), partial="trunks: HTTP 500"))
    hand.seconds += 1000
    store.put(snapshot(phone("204"), partial="trunks: HTTP 500"))
    assert store.rows(Kind.REGISTRATION) == [phone("204")]
    assert list(store.events) == []


def test_rows_with_the_id_of_another_are_told() -> None:
    store = Hand().store()
    store.put(snapshot(phone("204"), phone("204", S.UNREGISTERED)))
    assert store.status("london").streams[R].notes == ("1 rows repeat the id of another and are not shown",)


def test_lost_and_back_are_logged_with_how_long_it_lasted() -> None:
    hand = Hand()
    store = hand.store()
    store.put(snapshot(carrier()))
    hand.seconds += 100
    store.put(snapshot(carrier(S.UNREGISTERED)))
    hand.seconds += 15
    store.put(snapshot(carrier(S.REGISTERED)))
    hand.seconds += 20
    store.put(snapshot(carrier(S.REJECTED)))
    assert events(store) == [
        ("trunk carrier lost its registration", Severity.ERROR, 100.0, True),
        ("trunk carrier registered again (was unregistered)", Severity.GOOD, 15.0, False),
        ("trunk carrier lost its registration: rejected", Severity.ERROR, 20.0, False),
    ]
    history = store.history(carrier().key)
    assert (history.flaps, history.resolution, len(history.changes)) == (2, 100.0, 3)
    assert history.watched_since == EPOCH.replace(minute=16, second=40)
    assert store.status("london").counts == Counts(0, 0, 0, 1)


def test_a_state_that_is_not_known_is_no_loss() -> None:
    hand = Hand()
    store = hand.store()
    for state in (S.UNKNOWN, S.REGISTERED, S.UNKNOWN, S.UNKNOWN, S.REGISTERED):
        hand.seconds += 10
        store.put(snapshot(phone("204", state, reachable=True if state is S.REGISTERED else None)))
    assert list(store.events) == []
    hand.seconds += 10
    store.put(snapshot(phone("204", S.UNKNOWN)))
    hand.seconds += 10
    store.put(snapshot(phone("204", S.UNREGISTERED)))
    assert [event.text for event in store.events] == ["extension 204 lost its registration"]
    assert store.history(phone("204").key).flaps == 1


def test_probes_stand_apart_from_registration() -> None:
    hand = Hand()
    store = hand.store()
    store.put(snapshot(phone("204", reachable=True, label="Reception")))
    hand.seconds += 10
    store.put(snapshot(phone("204", reachable=False, label="Reception")))
    hand.seconds += 30
    store.put(snapshot(phone("204", reachable=True, label="Reception")))
    assert events(store) == [
        ("extension 204 does not answer probes (Reception)", Severity.WARNING, 10.0, True),
        ("extension 204 answers probes again (Reception)", Severity.GOOD, 30.0, False),
    ]


def test_rows_that_vanish_and_come_back_and_new_ones() -> None:
    hand = Hand()
    store = hand.store()
    store.put(snapshot(phone("204")))
    hand.seconds += 10
    store.put(snapshot())
    hand.seconds += 25
    store.put(snapshot(phone("204"), phone("205")))
    assert events(store) == [
        ("extension 204 is no longer listed (was registered)", Severity.WARNING, 10.0, True),
        ("extension 204 is listed again, registered", Severity.GOOD, 25.0, False),
        ("extension 205 is new", Severity.INFO, None, False),
    ]
    assert store.history(phone("204").key).flaps == 1


def test_a_failing_system_is_one_line_and_its_return_another() -> None:
    hand = Hand()
    store = hand.store()
    for stream in Stream:
        store.fail("london", stream, Unreachable("no answer"))
    hand.seconds += 60
    store.fail("london", R, Unreachable("no answer within 15 s"))
    store.fail("london", R, AuthenticationFailed("wrong"))
    hand.seconds += 60
    for stream in Stream:
        store.put(snapshot(stream=stream))
    store.fail("london", C, NotPermitted("calls"))
    store.fail("london", C, BadAnswer("calls", "odd"))
    hand.seconds += 5
    store.put(snapshot(stream=C))
    assert events(store) == [
        ("unreachable: no answer", Severity.ERROR, None, False),
        ("login failed: wrong", Severity.ERROR, None, False),
        ("answers again", Severity.GOOD, 120.0, False),
        ("calls: not permitted: the credentials lack the right to read calls", Severity.WARNING, None, False),
        ("calls: bad answer: calls: odd", Severity.ERROR, None, False),
        ("calls: answers again", Severity.GOOD, 5.0, False),
    ]


def test_listeners_hear_once_of_many_changes() -> None:
    heard: list[Changed] = []

    async def work(loop: VirtualLoop) -> None:
        store = Store(clock=loop.clock)
        end = store.subscribe(heard.append)
        for number in range(100):
            store.put(snapshot(phone(), pbx=f"pbx{number % 3}"))
        store.put(snapshot(stream=C, pbx="pbx0"))
        assert heard == []
        await asyncio.sleep(0.1)
        store.put(snapshot(phone(state=S.UNREGISTERED), pbx="pbx1"))
        await asyncio.sleep(0.1)
        end()
        store.put(snapshot())
        await asyncio.sleep(0.1)

    virtually(work)
    assert heard == [
        Changed(frozenset({"pbx0", "pbx1", "pbx2"}), frozenset({R, C}), events=False),
        Changed(frozenset({"pbx1"}), frozenset({R}), events=True),
    ]


def test_the_log_is_bounded_and_tells_what_is_new() -> None:
    store = Store(most_events=10)
    kept: list[Event] = []

    def full(_: Event) -> None:
        message = "no space left"
        raise OSError(message)

    store.events.listen(full)
    store.events.listen(kept.append)
    from voiptui.engine.events import EventKind

    for number in range(25):
        store.log(EventKind.DOWNLOAD, "london", f"file {number}")
    assert [event.text for event in store.events.since(23)] == ["file 23", "file 24"]
    assert (len(store.events), len(kept), store.events.serial) == (10, 25, 25)


def test_the_last_hour_by_minutes() -> None:
    hand = Hand()
    store = hand.store()
    for _ in range(200):
        hand.seconds += 30
        store.put(snapshot(phone("204"), phone("205", S.UNREGISTERED)))
    series = store.series("london")
    assert len(series) == 60
    assert {(one.registered, one.calls) for one in series} == {(1, None)}


def test_the_journal_forgets_but_says_so() -> None:
    journal = Journal(most=10)
    for revision in range(1, 6):
        journal.add(revision, tuple((str(number),) for number in range(revision, revision + 4)))
    assert journal.since(5) == []
    assert {key[0] for key in journal.since(4) or []} == {"5", "6", "7", "8"}
    assert journal.since(1) is None


def test_the_journal_of_a_small_site_does_not_grow_for_days() -> None:
    journal = Journal()
    for revision in range(1, MOST_REVISIONS + 101):
        journal.add(revision, (("one",),))
    assert journal.since(100) == [("one",)]
    assert journal.since(99) is None


@given(
    st.lists(
        st.dictionaries(st.integers(0, 8), st.sampled_from([S.REGISTERED, S.UNREGISTERED, S.UNKNOWN]), max_size=9),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 11),
)
def test_following_the_changes_gives_the_same_rows_as_reading_all(polls: list[dict[int, Any]], start: int) -> None:
    store = Hand().store()
    followed: dict[Any, Any] = {}
    revision = 0
    for number, states in enumerate(polls):
        store.put(snapshot(*(phone(str(name), state) for name, state in states.items())))
        if number >= start % len(polls):
            changes = store.changed_since(Kind.REGISTRATION, revision)
            assert changes.complete
            followed.update(changes.changed)
            for key in changes.removed:
                followed.pop(key, None)
            revision = changes.revision
    assert followed == {row.key: row for row in store.rows(Kind.REGISTRATION)}
    assert [row.state for row in store.rows(Kind.REGISTRATION)] == list(polls[-1].values())
