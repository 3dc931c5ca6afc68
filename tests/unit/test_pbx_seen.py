"""What came already is known as far as pages can shift, and takes no more memory the longer a search lasts."""

import tracemalloc

from voiptui.pbx.seen import Seen


def test_what_lies_near_is_given_once_and_all_are_counted() -> None:
    seen = Seen(3)
    assert [seen.first_time(one) for one in "abcbad"] == [True, True, True, False, False, True]
    assert seen.first_time("a"), "four ids ago"
    assert seen.count == 5


def test_a_system_that_heeds_no_order_is_remembered_whole() -> None:
    seen = Seen(2)
    seen.first_time("a")
    seen.keep_all()
    assert all(seen.first_time(str(number)) for number in range(100))
    assert not seen.first_time("a")


def test_a_long_search_takes_no_more_than_a_short_one() -> None:
    seen = Seen(1000)
    for number in range(2000):
        seen.first_time(str(number))
    tracemalloc.start()
    for number in range(2000, 50_000):
        seen.first_time(str(number))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # a set may be built anew, but never for more ids
    assert grown < 1000 * 250
