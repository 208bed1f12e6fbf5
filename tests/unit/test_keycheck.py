"""Whether an upstream takes a key: every answer that was seen, on real sockets."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.e2e.servers import Stub, make_certificate, read_request, stub

from iflow_relay.credential import Secret, parse_base_url
from iflow_relay.errors import UpstreamUnreachable
from iflow_relay.keycheck import Check, check_key

KEY = "sk-0123456789abcdef"
LIST = {"object": "list", "data": [{"id": "text-embedding-1"}, {"id": "a"}, {"id": "b"}]}
DONE = {"choices": [{"message": {"content": "Hi"}}]}
WRONG = {"error": {"message": f"the key {KEY} is unknown"}}

Reply = tuple[int, Any]


class Asked(NamedTuple):
    """What an upstream was asked: method, path, whether with the key, and the body."""

    what: str
    with_key: bool
    body: Any


class KeyedStub:
    """An upstream that answers by what it is asked, and to those without the key otherwise."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.replies: dict[str, list[Reply]] = {}

    def answer(self, connection: socket.socket) -> None:
        """Answer one request, and hang up."""
        head, _, body = read_request(connection).partition(b"\r\n\r\n")
        if not head:
            return
        method, path, _ = head.split(b"\r\n")[0].decode().split()
        asked = Asked(f"{method} {path}", KEY.encode() in head, json.loads(body or b"null"))
        self.asked.append(asked)
        connection.sendall(render(*self._choose(asked)))

    def _choose(self, asked: Asked) -> Reply:
        who = asked.what if asked.with_key else f"{asked.what} by anybody"
        replies = self.replies.get(who, [(404, b"")])
        return replies.pop(0) if len(replies) > 1 else replies[0]


def render(status: int, body: Any) -> bytes:
    """An answer as it is on the wire; one that points elsewhere where the body is an address."""
    where = f"Location: {body}\r\n" if status in (301, 302, 307) else ""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\n{where}Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    return head.encode() + data


class Upstream:
    """One that a test scripts, and the check of a key on it."""

    def __init__(self, server: Stub, script: KeyedStub) -> None:
        self._server = server
        self._script = script

    def check(
        self,
        replies: dict[str, Reply | list[Reply]],
        *,
        key: str | None = KEY,
        model: str | None = None,
        path: str = "/v1",
    ) -> Check:
        """What comes of it; a request that the script does not know gets 404."""
        self._script.replies = {
            f"{what.partition(' ')[0]} {path}{what.partition(' ')[2]}": reply
            if isinstance(reply, list)
            else [reply]
            for what, reply in replies.items()
        }
        base = parse_base_url(f"http://127.0.0.1:{self._server.port}{path}")
        return check_key(base, Secret(key) if key else None, model, "auto", timeout=5)

    @property
    def asked(self) -> list[Asked]:
        """What reached it."""
        return self._script.asked


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """An upstream that answers as the test says."""
    script = KeyedStub()
    with stub(script.answer) as server:
        yield Upstream(server, script)


def test_a_list_for_those_with_a_key_alone_proves_the_key(upstream: Upstream) -> None:
    """One call with the key, one without; no token is spent."""
    check = upstream.check({"GET /models": (200, LIST), "GET /models by anybody": (401, WRONG)})
    assert check == Check(
        "accepted", "The key is accepted: 3 models.", ("text-embedding-1", "a", "b")
    )
    assert [(a.what, a.with_key) for a in upstream.asked] == [
        ("GET /v1/models", True),
        ("GET /v1/models", False),
    ]


REFUSED: dict[str, Reply] = {
    "401": (401, WRONG),
    "403": (403, {"message": f"{KEY}: not you"}),
    "iFlow's 434 inside a 200": (200, {"status": "434", "msg": "Invalid apiKey", "body": None}),
    "iFlow's 439 inside a 200": (200, {"status": "439", "msg": "expired", "body": None}),
    "an error inside a 200": (200, {"error": {"message": "no", "code": 401}}),
    "Gemini's 400": (400, [{"error": {"code": 400, "message": "API key not valid. Please …"}}]),
    "xAI's 400": (400, {"code": "400", "error": "Incorrect API key provided: xa***bc."}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_key_that_is_not_taken_is_refused(upstream: Upstream, name: str) -> None:
    """In the upstream's words, without the key; nothing more is asked."""
    check = upstream.check({"GET /models": REFUSED[name]}, model="m")
    assert check.result == "refused"
    assert check.message.startswith("The key is refused: ")
    assert KEY not in check.message
    assert len(upstream.asked) == 1


@pytest.mark.parametrize("anybody", [(200, LIST), (500, b""), (404, b""), (429, b"")])
def test_an_open_list_proves_nothing_so_that_a_model_is_asked_for_a_token(
    upstream: Upstream, anybody: Reply
) -> None:
    """OpenRouter gives its list to all: the first model that can be chatted with is asked."""
    replies = {"GET /models": (200, LIST), "GET /models by anybody": anybody}
    right = upstream.check({**replies, "POST /chat/completions": (200, DONE)})
    assert right.result == "accepted"
    assert right.message == "The key is accepted: a answers."
    assert right.models == ("text-embedding-1", "a", "b")
    assert (upstream.asked[-1].body["model"], upstream.asked[-1].body["max_tokens"]) == ("a", 1)
    wrong = upstream.check({**replies, "POST /chat/completions": (401, WRONG)}, model="mine")
    assert wrong.result == "refused"
    assert upstream.asked[-1].body["model"] == "mine"


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_where_there_is_no_list_the_named_model_is_asked(upstream: Upstream, status: int) -> None:
    """Without a name nothing can be told."""
    no_list: dict[str, Reply | list[Reply]] = {"GET /models": (status, b"")}
    chat: dict[str, Reply | list[Reply]] = {"POST /chat/completions": (200, DONE)}
    check = upstream.check({**no_list, **chat}, model="m")
    assert check == Check("accepted", "The key is accepted: m answers.")
    check = upstream.check({**no_list, **chat})
    assert check.result == "unsure"
    assert "name a model" in check.message


def test_a_model_that_knows_the_limit_by_another_name_is_asked_by_that(upstream: Upstream) -> None:
    """OpenAI's newer ones refuse `max_tokens`."""
    replies: list[Reply] = [(400, {"error": {"message": "use max_completion_tokens"}}), (200, DONE)]
    check = upstream.check({"POST /chat/completions": replies}, model="m")
    assert check.result == "accepted"
    assert "max_tokens" not in upstream.asked[-1].body


CHATS: dict[str, tuple[Reply, str, str]] = {
    "a wrong key": ((401, WRONG), "refused", "The key is refused: "),
    "Gemini's wrong key": ((400, [{"error": {"message": "API key not valid."}}]), "refused", "The"),
    "no money": ((402, {"error": {"message": "pay"}}), "accepted", "nothing left: pay"),
    "too often": ((429, {"error": {"message": "slow"}}), "accepted", "too much for now: slow"),
    "no such model": ((404, {"error": {"message": "no m"}}), "unsure", "cannot be told: m: no m"),
    "trouble": ((500, {"error": {"message": "oh"}}), "unsure", "cannot be told: m: oh"),
    "iFlow's 406": ((406, b""), "unsure", "406"),
}


@pytest.mark.parametrize("name", CHATS)
def test_the_answer_of_a_model_is_told_for_what_it_is(upstream: Upstream, name: str) -> None:
    """An error that has nothing to do with the key leaves it open, or shows that it is known."""
    reply, result, words = CHATS[name]
    check = upstream.check({"POST /chat/completions": reply}, model="m")
    assert check.result == result
    assert words in check.message
    assert KEY not in check.message


LISTS: dict[str, tuple[Reply, str, str]] = {
    "no money": ((402, {"error": {"message": "pay"}}), "accepted", "nothing left: pay"),
    "too often": ((429, b""), "accepted", "The key is known"),
    "trouble": ((503, {"error": {"message": "oh"}}), "unsure", "cannot be told: oh"),
    "a web page": ((200, b"<html>"), "unsure", "check baseUrl"),
    "no JSON": ((200, b"hello"), "unsure", "no JSON"),
    "no data": ((200, {"x": 1}), "unsure", "no data"),
    "elsewhere": ((307, "https://elsewhere.example/v1"), "unsure", "points to https://elsewhere"),
}


@pytest.mark.parametrize("name", LISTS)
def test_what_is_no_list_is_told_for_what_it_is(upstream: Upstream, name: str) -> None:
    """The key follows no redirect."""
    reply, result, words = LISTS[name]
    check = upstream.check({"GET /models": reply})
    assert (check.result, check.models) == (result, ())
    assert words in check.message


def test_a_server_that_wants_no_key_is_asked_without_one(upstream: Upstream) -> None:
    """Ollama lists its models to all; one that wants a key all the same says so."""
    check = upstream.check({"GET /models by anybody": (200, LIST)}, key=None)
    assert (check.result, check.message) == ("accepted", "It lists 3 models and wants no key.")
    check = upstream.check({"GET /models by anybody": (401, b"")}, key=None)
    assert check.result == "refused"
    assert check.message.startswith("It wants a key: ")
    check = upstream.check({"GET /models by anybody": (429, b"")}, key=None)
    assert check.message.startswith("It answers, but")


def test_a_base_without_a_path_is_asked_about(upstream: Upstream) -> None:
    """Most end in /v1."""
    check = upstream.check({}, path="", model="m")
    assert check.result == "unsure"
    assert "/v1?" in check.message


def test_what_an_upstream_says_cannot_write_to_a_terminal(upstream: Upstream) -> None:
    """Nor fill it: the message is cut, and has no control characters."""
    check = upstream.check({"GET /models": (401, {"error": {"message": "\x1b[2J\n" + "x" * 999}})})
    assert check.message.isprintable()
    assert len(check.message) < 400


def test_who_cannot_be_reached_is_no_answer() -> None:
    """The caller decides what that means."""
    with stub() as server:
        pass
    with pytest.raises(UpstreamUnreachable, match="cannot be reached"):
        check_key(parse_base_url(server.base_url), Secret(KEY), None, "auto", timeout=5)


def test_a_model_that_says_nothing_leaves_it_open() -> None:
    """The list came, so that the upstream is there."""

    def play(connection: socket.socket) -> None:
        request = read_request(connection)
        if request.startswith(b"GET"):
            connection.sendall(render(200, LIST))

    with stub(play) as server:
        base = parse_base_url(server.base_url)
        check = check_key(base, Secret(KEY), None, "auto", timeout=5)
    assert (check.result, check.models) == ("unsure", ("text-embedding-1", "a", "b"))
    assert "a does not answer" in check.message


def test_an_answer_without_an_end_is_given_up() -> None:
    """However alive the connection looks."""

    def play(connection: socket.socket) -> None:
        if read_request(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.sendall(b"1\r\n \r\n")

    with stub(play) as server:
        base = parse_base_url(server.base_url)
        with pytest.raises(UpstreamUnreachable, match="come to an end"):
            check_key(base, Secret(KEY), None, "auto", timeout=0.5)


def test_an_authority_of_ones_own_is_trusted_where_it_is_given(tmp_path: Path) -> None:
    """A certificate that nobody knows is an upstream that cannot be reached."""
    certificate, server_context = make_certificate(tmp_path)
    script = KeyedStub()
    script.replies["GET /v1/models"] = [(401, WRONG)]
    with stub(script.answer, tls=server_context) as server:
        base = parse_base_url(server.base_url)
        with pytest.raises(UpstreamUnreachable, match="certificate"):
            check_key(base, Secret(KEY), None, "auto", timeout=5)
        assert script.asked == []
        context = ssl.create_default_context(cafile=certificate)
        check = check_key(base, Secret(KEY), None, "auto", timeout=5, context=context)
    assert check.result == "refused"
