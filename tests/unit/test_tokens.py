"""What an OAuth login leaves in the files, in both of the styles that were seen."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iflow_relay import mark
from iflow_relay.credential import Secret
from iflow_relay.jsonedit import GONE
from iflow_relay.tokens import (
    CLI_FILE,
    SETTINGS,
    Tokens,
    cli_file_members,
    parse_date,
    read_cli_file,
    read_settings,
    render_date,
    settings_members,
)

KEY, ACCESS, REFRESH = Secret("sk-key"), Secret("access-1"), Secret("refresh-1")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


def test_what_is_written_into_the_settings_is_read_again() -> None:
    """To the second, whatever the time zone."""
    members = settings_members(KEY, ACCESS, REFRESH, NOON + 0.5)
    assert members["oauth_expires_at"] == "2026-11-22T12:00:00+00:00"
    assert read_settings(json.loads(json.dumps(members))) == Tokens(REFRESH, NOON, SETTINGS)


def test_what_is_written_into_the_clis_file_is_read_again() -> None:
    """In milliseconds, as the CLI has it."""
    members = cli_file_members(KEY, ACCESS, REFRESH, NOON)
    assert members["expiry_date"] == int(NOON * 1000)
    assert read_cli_file(json.loads(json.dumps(members))) == Tokens(REFRESH, NOON, CLI_FILE)


def test_a_login_without_an_end_says_nothing_of_one() -> None:
    """An old date is taken away: beside a new key it would end that at once."""
    assert settings_members(KEY, ACCESS, REFRESH, None)["oauth_expires_at"] is GONE
    assert cli_file_members(KEY, ACCESS, REFRESH, None)["expiry_date"] is GONE


def test_a_date_without_a_zone_is_local_time() -> None:
    """As iflow2api writes it."""
    local = datetime.fromtimestamp(NOON).isoformat()
    assert parse_date(local) == NOON


@pytest.mark.parametrize("value", [None, "", "soon", 5, True, [], "2026-13-01", "9" * 400])
def test_a_date_that_is_none_is_not_known(value: Any) -> None:
    """The key is good until an upstream refuses it."""
    document = {"oauth_refresh_token": "r", "oauth_expires_at": value}
    assert read_settings(document) == Tokens(Secret("r"), None, SETTINGS)


@pytest.mark.parametrize("value", [None, "", "soon", True, [], {}])
def test_an_expiry_date_that_is_no_number_is_not_known(value: Any) -> None:
    """Likewise in the CLI's file."""
    found = read_cli_file({"refresh_token": "r", "expiry_date": value})
    assert found == Tokens(Secret("r"), None, CLI_FILE)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"oauth_refresh_token": ""},
        {"oauth_refresh_token": "  "},
        {"oauth_refresh_token": 5},
        {"oauth_refresh_token": "r", "selectedAuthType": "openai-compatible"},
        {"oauth_refresh_token": "r", "selectedAuthType": "iflow"},
    ],
)
def test_a_key_of_another_kind_is_not_renewed(document: dict[str, Any]) -> None:
    """Tokens of an earlier login may still lie about beside it."""
    assert read_settings(document) is None
    assert read_cli_file(document) is None


def logged_in(**changes: Any) -> dict[str, Any]:
    """A file as a login of ours leaves it, with these members changed by hand."""
    members = settings_members(KEY, ACCESS, REFRESH, NOON) | {"baseUrl": "http://u/v1"}
    return members | {mark.MEMBER: mark.mark(members)} | changes


def test_a_login_of_ours_is_known_by_its_mark() -> None:
    """So its key may be renewed for whatever upstream it named."""
    found = read_settings(logged_in())
    assert found is not None
    assert found.marked


def test_a_base_url_that_was_changed_by_hand_is_not_what_the_key_was_given_for() -> None:
    """The key is still ours; where it may go is decided elsewhere."""
    found = read_settings(logged_in(baseUrl="http://other/v1"))
    assert found is not None
    assert not found.marked


def test_a_key_that_was_put_in_by_hand_is_never_renewed() -> None:
    """It would be overwritten."""
    assert read_settings(logged_in(apiKey="sk-mine")) is None


@given(st.integers(0, 4_000_000_000))
def test_every_date_comes_back(seconds: int) -> None:
    """Summer time, leap years and all."""
    assert parse_date(render_date(seconds)) == seconds


def test_tokens_are_never_printed() -> None:
    """Nor is what they are in."""
    assert "refresh-1" not in repr(Tokens(REFRESH, NOON, SETTINGS))
