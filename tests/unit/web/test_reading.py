"""Members of what was posted: their types, and what is said of a wrong one."""

from __future__ import annotations

import pytest

from iflow_relay.errors import InvalidRequest
from iflow_relay.web.reading import read_flag, read_text


@pytest.mark.parametrize(
    ("value", "read"), [("a", "a"), (" a ", " a "), ("", None), (" ", None), (None, None)]
)
def test_a_text_is_read(value: object, read: str | None) -> None:
    """One that is blank is none."""
    assert read_text({"name": value}, "name") == read
    assert read_text({}, "name") is None


@pytest.mark.parametrize("value", [1, 0, True, [], {}, ["sk-key"], {"sk-key": "sk-key"}])
def test_what_is_no_text_is_named_and_not_quoted(value: object) -> None:
    """It may hold a key."""
    with pytest.raises(InvalidRequest, match=r"^name has to be a text\.$") as raised:
        read_text({"name": value}, "name")
    assert raised.value.param == "name"


def test_a_flag_is_read() -> None:
    """One that is missing is as it is by default."""
    assert read_flag({"name": True}, "name", default=False) is True
    assert read_flag({"name": False}, "name", default=True) is False
    assert read_flag({}, "name", default=True) is True


@pytest.mark.parametrize("value", [1, 0, None, "true", "", []])
def test_what_is_no_flag_is_refused(value: object) -> None:
    """A text that says false would count as true."""
    with pytest.raises(InvalidRequest, match=r"^name has to be true or false\.$"):
        read_flag({"name": value}, "name", default=True)
