"""The tree of errors: what each says by its status, code and body."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from iflow_relay import errors
from iflow_relay.errors import (
    EmptyResponse,
    InvalidRequest,
    NotFound,
    NotLoggedIn,
    RelayError,
    UpstreamRefused,
    render_error,
    render_error_body,
)


def all_errors(root: type[RelayError] = RelayError) -> Iterator[type[RelayError]]:
    """The tree; a room may have further ones that never leave it."""
    for kind in root.__subclasses__():
        if kind.__module__.startswith(errors.__name__):
            yield kind
            yield from all_errors(kind)


DRAWN = re.findall(r"[├└]── (\w+)(?: +(\d{3})  (\w+))?", errors.__doc__ or "")


def test_the_drawing_names_every_error_once() -> None:
    """Whoever reads the top of the module knows the whole tree."""
    assert sorted(name for name, _, _ in DRAWN) == sorted(kind.__name__ for kind in all_errors())


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [row for row in DRAWN if row[1] and row[0] != "RequestError"],
)
def test_the_drawing_gives_each_status_and_code(name: str, status: str, code: str) -> None:
    """The table that a reader sees is the one that clients get."""
    kind = getattr(errors, name)
    assert (kind.status, kind.code) == (int(status), code)


@pytest.mark.parametrize(
    ("status", "type_"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (418, "api_error"),
    ],
)
def test_the_type_follows_from_the_status(status: int, type_: str) -> None:
    """Clients that look at the type see the word that OpenAI has for the status."""
    assert UpstreamRefused(status, "no").type == type_


def test_an_error_renders_in_openais_shape() -> None:
    """All four fields are there, also those that have no value."""
    assert render_error(InvalidRequest("Send messages.", param="messages")) == {
        "error": {
            "message": "Send messages.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "invalid_request",
        }
    }
    assert render_error(NotLoggedIn("Log in."))["error"]["param"] is None


def test_a_code_can_be_more_exact_than_its_class() -> None:
    """An unknown model is not found in another sense than an unknown path."""
    assert NotFound("No.", code="model_not_found").code == "model_not_found"
    assert NotFound("No.").code == "not_found"


def test_a_body_is_one_line_of_readable_json() -> None:
    """A terminal shows the message as its author wrote it."""
    body = render_error_body(EmptyResponse("没有内容"))
    assert body.endswith(b"}\n")
    assert body.count(b"\n") == 1
    assert "没有内容".encode() in body
    assert json.loads(body)["error"]["message"] == "没有内容"


@pytest.mark.parametrize("message", ["half an emoji: \ud83d", "a name with a bad byte: \udcff"])
def test_a_message_that_is_no_unicode_text_still_renders(message: str) -> None:
    r"""JSON can hold half a surrogate pair (`\ud83d`), and a path a byte that is no UTF-8."""
    assert json.loads(render_error_body(NotFound(message)))["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "upstream_bad_request"),
        (401, "upstream_unauthorized"),
        (404, "upstream_not_found"),
        (406, "upstream_not_acceptable"),
        (429, "rate_limited"),
        (500, "upstream_error"),
        (599, "upstream_error"),
    ],
)
def test_a_refusal_has_a_code_for_its_status(status: int, code: str) -> None:
    """An upstream that gives no code of its own gets ours."""
    assert UpstreamRefused(status, "no").code == code


def test_a_refusal_keeps_what_the_upstream_said() -> None:
    """The type, param and code of the upstream are better than what can be guessed."""
    error = UpstreamRefused(400, "no", type="t", param="p", code="c")
    assert render_error(error)["error"] == {
        "message": "no",
        "type": "t",
        "param": "p",
        "code": "c",
    }


def test_half_a_letter_of_an_upstreams_is_no_part_of_an_error() -> None:
    """Logs and flow files are UTF-8, which has no place for it."""
    error = errors.UpstreamRefused(502, "a\ud83db", code="c\udc00")
    assert (error.message, error.code) == ("a\ufffdb", "c\ufffd")
    assert error.args == (error.message,)
