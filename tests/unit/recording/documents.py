"""JSON documents for the tests: plain ones, and ones with gaps for ids and dates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from hypothesis import strategies as st


class Gap(NamedTuple):
    """Where an id or a date stands; equal gaps hold the same one."""

    kind: str
    number: int


names = st.sampled_from(["role", "content", "model", "a b", "x", "tools", "", "\0"])
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-1000, 1000)
    | st.floats(-10, 10)
    | st.text(max_size=8)
    | st.sampled_from(["\0", "\x001", "\0date", "call_home", "user_id"])
)
gaps = st.builds(Gap, st.sampled_from(["id", "date"]), st.integers(0, 3))


def documents(leaf: st.SearchStrategy[Any] = leaves) -> st.SearchStrategy[Any]:
    """Objects and lists of such leaves, some levels deep."""
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
        max_leaves=12,
    )


def filled(document: Any, fill: Callable[[Gap], Any]) -> Any:
    """The document with something in each gap."""
    if isinstance(document, Gap):
        return fill(document)
    if isinstance(document, dict):
        return {name: filled(value, fill) for name, value in document.items()}
    if isinstance(document, list):
        return [filled(value, fill) for value in document]
    return document


def reordered(document: Any) -> Any:
    """The document with the members of every object in the opposite order."""
    if isinstance(document, dict):
        return {name: reordered(document[name]) for name in reversed(document)}
    return [reordered(value) for value in document] if isinstance(document, list) else document


def changed(document: Any, to: Any) -> Iterator[Any]:
    """All documents in which one leaf is this value."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from (document | {name: inner} for inner in changed(value, to))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            for inner in changed(value, to):
                yield [*document[:index], inner, *document[index + 1 :]]
    else:
        yield to
