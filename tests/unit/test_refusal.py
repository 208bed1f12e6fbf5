"""What an upstream says when it refuses, in every shape that was seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from iflow_relay.errors import RelayError, UpstreamInvalid, UpstreamRefused, render_error_body
from iflow_relay.refusal import (
    MAX_MESSAGE,
    read_failure,
    read_list,
    read_page,
    read_redirect,
    read_refusal,
    read_short,
)

CASES = Path(__file__).parents[1] / "cases" / "chat"


def load(name: str) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((CASES / name).read_text("utf-8"))
    return table


INSIDE_200 = load("inside-200.json")
NO_REFUSAL = load("no-refusal.json")
FAILURES = load("failures.json")


def check(error: RelayError | None, case: dict[str, Any]) -> None:
    assert error is not None
    assert (error.status, error.code) == (case["status"], case["code"])
    assert case["says"] in error.message
    assert json.loads(render_error_body(error))


@pytest.mark.parametrize("name", INSIDE_200)
def test_an_error_inside_a_200_gets_its_true_status(name: str) -> None:
    """The number in the document is the status, and its message is kept."""
    check(read_refusal(INSIDE_200[name]["document"]), INSIDE_200[name])


@pytest.mark.parametrize("name", NO_REFUSAL)
def test_what_is_no_error_is_not_taken_for_one(name: str) -> None:
    """A good answer that looks a little like an error passes."""
    assert read_refusal(NO_REFUSAL[name]) is None


@pytest.mark.parametrize("name", FAILURES)
def test_an_error_status_keeps_its_message(name: str) -> None:
    """The status is the upstream's own, and whatever its body says is not lost."""
    case = FAILURES[name]
    check(read_failure(case["status"], case["body"].encode()), case)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 406, 413, 429, 434, 500, 503, 599])
def test_an_error_status_stays_the_same(status: int) -> None:
    """What the body says of itself does not change it."""
    body = b'{"error": {"message": "x", "code": 418}, "status": 419}'
    assert read_failure(status, body).status == status


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b"\x00",
        b"[" * 200_000,
        b'{"error":',
        b"9" * 5000,
        b'{"error": {"message": []}}',
    ],
    ids=["binary", "nul", "deep", "half", "huge number", "empty message"],
)
def test_an_error_body_of_any_kind_is_an_error(body: bytes) -> None:
    """An upstream in trouble writes anything."""
    error = read_failure(500, body)
    assert (error.status, error.code) == (500, "upstream_error")
    assert json.loads(render_error_body(error))


def test_an_upstreams_type_and_param_are_kept() -> None:
    """A client that looks at them finds what the upstream meant."""
    error = read_failure(400, b'{"error": {"message": "m", "type": "t", "param": "p"}}')
    assert (error.type, error.param) == ("t", "p")


@pytest.mark.parametrize(
    "fields",
    [{"type": 1, "param": [], "code": {}}, {"type": "", "param": "", "code": ""}],
)
def test_fields_that_are_no_texts_are_left_out(fields: dict[str, Any]) -> None:
    """OpenAI's own clients want texts there."""
    error = read_refusal({"error": {"message": "m", **fields}})
    assert error
    assert (error.type, error.param, error.code) == ("api_error", None, "upstream_error")


def test_a_long_message_is_cut() -> None:
    """A stack trace of a megabyte helps nobody."""
    error = read_refusal({"error": {"message": "x" * 10 * MAX_MESSAGE}})
    assert error
    assert error.message == "x" * MAX_MESSAGE + "…"


def test_a_message_that_is_an_object_is_shown_as_json() -> None:
    """Whatever it is, it says more than nothing."""
    error = read_refusal({"error": {"message": {"原因": "x"}}})
    assert error
    assert error.message == '{"原因": "x"}'


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"  <html>", "a web page"),
        (b"", "no JSON"),
        (b"hello", "no JSON"),
        (b"\xff", "no JSON"),
    ],
)
def test_a_200_without_json_points_at_the_base_url(body: bytes, says: str) -> None:
    """The usual reason is an address that is a website's."""
    error = read_page(body)
    assert isinstance(error, UpstreamInvalid)
    assert error.status == 502
    assert says in error.message
    assert "baseUrl" in error.message


def test_a_redirect_is_told_without_its_query() -> None:
    """A query may hold a token; where it leads is all the user needs."""
    error = read_redirect(302, "https://login.example/x?token=secret")
    assert (error.status, error.code) == (502, "upstream_invalid")
    assert "https://login.example/x." in error.message
    assert "secret" not in error.message


def test_a_redirect_to_nowhere_is_told_too() -> None:
    """A Location can be missing."""
    assert "nowhere" in read_redirect(301, "").message


@pytest.mark.parametrize("body", [b"", b"RIFF....", b"{}", b"[", b"[" * 200_000, b'{"data": []}'])
def test_a_short_answer_that_is_no_error_passes(body: bytes) -> None:
    """Audio, an empty body or a list are what was asked for."""
    assert read_short(body) is None


def test_a_short_answer_may_be_an_error() -> None:
    """Pass-through routes get errors inside a 200 as chats do."""
    error = read_short(b'{"status": "439", "msg": "expired"}')
    assert isinstance(error, UpstreamRefused)
    assert error.status == 401


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b'{"object": "list", "data": [{"id": "a"}, {"id": "b"}]}', ["a", "b"]),
        (b'[{"id": "a"}]', ["a"]),
        (b'{"data": [{"id": "a"}, 1, null, "b"]}', ["a"]),
        (b'{"data": []}', []),
    ],
)
def test_a_list_of_models_is_read(body: bytes, ids: list[str]) -> None:
    """With OpenAI's frame around it or without."""
    assert [entry["id"] for entry in read_list(body)] == ids


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"<html>", 502, "upstream_invalid"),
        (b"", 502, "upstream_invalid"),
        (b"{}", 502, "upstream_invalid"),
        (b'{"data": {"id": "a"}}', 502, "upstream_invalid"),
        (b"7", 502, "upstream_invalid"),
        (b'{"status": "434", "msg": "x"}', 401, "upstream_unauthorized"),
    ],
)
def test_a_list_of_models_that_is_none_raises_what_it_is(
    body: bytes, status: int, code: str
) -> None:
    """An empty list would look as if the upstream had no models."""
    with pytest.raises(RelayError) as caught:
        read_list(body)
    assert (caught.value.status, caught.value.code) == (status, code)
