"""What has to go where only so much may be kept."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from iflow_relay.config import Kept
from iflow_relay.keeping import LISTED, Shelf, Step

MUCH = 1 << 40


def put(shelf: Shelf, names: Iterable[str], size: int = 10) -> None:
    for name in names:
        shelf.put(name, size)


def go(shelf: Shelf, kept: Kept, spared: str = "") -> str:
    """What goes at a pass: bodies by their names, entries in capitals."""
    steps = shelf.excess(kept, lambda name: name in spared)
    return "".join(step.name.upper() if step.leaves else step.name for step in steps)


def test_the_oldest_bodies_go_first() -> None:
    """Beyond the number that may be kept, or beyond the bytes."""
    shelf = Shelf()
    put(shelf, "abcde")
    assert go(shelf, Kept(5, 50)) == ""
    assert go(shelf, Kept(3, 50)) == "ab"
    assert go(shelf, Kept(3, 25)) == "c"
    assert shelf.size == 20
    assert go(shelf, Kept(1, 1)) == "de"
    assert shelf.size == 0


def test_what_is_put_again_is_the_newest() -> None:
    """With the bytes that it has now."""
    shelf = Shelf()
    put(shelf, "abc")
    shelf.put("a", 1)
    assert shelf.size == 21
    assert go(shelf, Kept(1, MUCH)) == "bc"


def test_entries_leave_when_the_list_is_long() -> None:
    """Those without bodies alone, the oldest first."""
    shelf = Shelf()
    names = [chr(ord("a") + number) for number in range(LISTED + 2)]
    put(shelf, names)
    assert go(shelf, Kept(1, MUCH)) == "".join(names[:-1]) + "AB"
    assert list(shelf) == names[2:]


def test_what_has_no_bodies_to_speak_of_counts_in_the_list_alone() -> None:
    """It pushes no bodies out."""
    shelf = Shelf()
    shelf.put("a", 10)
    for number in range(LISTED + 5):
        shelf.put_bare(f"b{number}")
    steps = list(shelf.excess(Kept(1, MUCH), lambda name: False))
    assert steps == [Step(f"b{number}", leaves=True) for number in range(6)]
    assert "a" in shelf


def test_what_is_spared_stays_and_counts_no_more() -> None:
    """Until it is spared no longer: then it is the oldest again."""
    shelf = Shelf()
    put(shelf, "abcd")
    assert go(shelf, Kept(2, MUCH), spared="a") == "b"
    assert "a" in shelf
    assert go(shelf, Kept(2, MUCH), spared="a") == ""
    assert go(shelf, Kept(2, MUCH)) == "a"
    assert shelf.size == 20


def test_what_was_forgotten_is_never_asked_about() -> None:
    """Whether it had its bodies, was spared, or listed alone."""
    shelf = Shelf()
    put(shelf, "abcd")
    assert go(shelf, Kept(2, MUCH), spared="a") == "b"
    for name in "abcd":
        shelf.forget(name)
    assert list(shelf) == []
    assert shelf.size == 0
    assert go(shelf, Kept(1, 1)) == ""


def test_a_pass_that_stops_early_is_gone_on_with() -> None:
    """What was given has gone, the rest comes at the next."""
    shelf = Shelf()
    put(shelf, "abcd")
    first = next(shelf.excess(Kept(1, MUCH), lambda name: False))
    assert first == Step("a", leaves=False)
    assert go(shelf, Kept(1, MUCH)) == "bc"


@given(
    sizes=st.lists(st.integers(0, 50), max_size=80),
    kept=st.builds(Kept, st.integers(1, 6), st.integers(1, 120)),
    spared=st.sets(st.integers(0, 80)),
)
def test_the_newest_that_fit_are_kept(sizes: list[int], kept: Kept, spared: set[int]) -> None:
    """And all that is spared; whatever the order and the sizes."""
    shelf, whole, listed = Shelf(), set[int](), set[int]()
    for number, size in enumerate(sizes):
        shelf.put(str(number), size)
        whole.add(number)
        listed.add(number)
        for step in shelf.excess(kept, lambda name: int(name) in spared):
            (listed if step.leaves else whole).discard(int(step.name))
        counted = sorted(whole - spared)
        assert len(counted) <= kept.flows
        assert sum(sizes[n] for n in counted) <= kept.size
        assert counted == sorted(listed - spared)[len(listed - spared) - len(counted) :]
        assert len(listed - spared) <= LISTED * kept.flows
    assert {n for n in range(len(sizes)) if n in spared} <= whole


@given(count=st.integers(50, 300))
def test_a_pass_asks_about_few_however_much_is_spared(count: int) -> None:
    """So that a call that ends costs the same after weeks."""
    shelf, asked = Shelf(), 0

    def is_spared(name: str) -> bool:
        nonlocal asked
        asked += 1
        return True

    for number in range(count):
        shelf.put(str(number), 1)
        assert not list(shelf.excess(Kept(5, MUCH), is_spared))
    assert asked <= 3 * count
