"""Which members of settings.json a login sets, and which of an earlier one it removes."""

from __future__ import annotations

from typing import Any

from iflow_relay import mark
from iflow_relay.jsonedit import GONE
from iflow_relay.login.members import succeed


def logged_in(**members: object) -> dict[str, Any]:
    """A document as a login of ours left it."""
    return {**members, mark.MEMBER: mark.mark(members)}


def test_a_first_login_sets_its_members_and_marks_them() -> None:
    """What somebody else wrote is not touched where it has no value of its own for it."""
    members = {"apiKey": "sk-1", "baseUrl": "https://a.example"}
    document = {"theme": "Default", "apiKey": "sk-0", "searchApiKey": "sk-0"}
    assert succeed(document, members) == {**members, mark.MEMBER: mark.mark(members)}


def test_what_an_earlier_login_wrote_goes() -> None:
    """An OAuth login leaves tokens that a key has no use for."""
    document = logged_in(apiKey="sk-1", searchApiKey="sk-1", oauth_refresh_token="r")
    changes = succeed(document, {"apiKey": "sk-2", "baseUrl": "https://a.example"})
    assert changes["searchApiKey"] is changes["oauth_refresh_token"] is GONE
    assert changes["apiKey"] == "sk-2"


def test_what_was_changed_since_an_earlier_login_stays() -> None:
    """It is somebody's own now."""
    document = logged_in(searchApiKey="sk-1") | {"searchApiKey": "sk-mine"}
    assert "searchApiKey" not in succeed(document, {"apiKey": "sk-2"})


def test_the_model_stays_where_the_base_url_does() -> None:
    """Of another upstream it would be the wrong one; one of the new login's own replaces it."""
    document = logged_in(apiKey="sk-1", baseUrl="https://a.example", modelName="m")
    same = succeed(document, {"apiKey": "sk-2", "baseUrl": "https://a.example"})
    assert same["modelName"] == "m"
    assert mark.ours({**document, **same}) == {"apiKey", "baseUrl", "modelName"}
    other = succeed(document, {"apiKey": "sk-2", "baseUrl": "https://b.example"})
    assert other["modelName"] is GONE
    own = succeed(document, {"baseUrl": "https://b.example", "modelName": "n"})
    assert own["modelName"] == "n"


def test_a_member_that_is_removed_is_not_marked() -> None:
    """A keyless login takes the key of before away."""
    changes = succeed({"apiKey": "sk-0"}, {"apiKey": GONE, "baseUrl": "http://127.0.0.1"})
    assert changes["apiKey"] is GONE
    assert changes[mark.MEMBER] == mark.mark({"baseUrl": "http://127.0.0.1"})
