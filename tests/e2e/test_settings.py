"""settings.json and its companions, as they are found and as they change under a running relay."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, Starter, StartRelay
from tests.e2e.programs import Relay
from tests.e2e.servers import Demo

from iflow_relay.demo import KEY

OTHER_KEY = "sk-other-aaaabbbbccccdddd"


@pytest.fixture
def free(common_free_relay: Relay, demo: Demo) -> Iterator[Relay]:
    """A relay whose files a test may write: it has none, and is logged out."""
    for path in common_free_relay.settings.parent.iterdir():
        path.unlink()
    assert ask(common_free_relay) == (401, "not_logged_in")
    demo.clear()
    yield common_free_relay
    common_free_relay.check_log(secrets=[KEY, OTHER_KEY])


@pytest.fixture(scope="session")
def common_free_relay(lasting: Starter) -> Relay:
    """One process for all of these tests."""
    variables = {"MY_KEY": KEY, "MY_HOST": "127.0.0.1"}
    return lasting.start(*LIKE_IFLOW, settings=None, environment=variables)


def write(relay: Relay, settings: Any) -> None:
    """Replace settings.json, as the CLI does."""
    text = settings if isinstance(settings, bytes) else json.dumps(settings).encode()
    new = relay.settings.with_suffix(".new")
    new.write_bytes(text)
    new.replace(relay.settings)


def log_in(relay: Relay, demo: Demo) -> None:
    """Write a settings.json that is right."""
    write(relay, {"apiKey": KEY, "baseUrl": demo.base_url})
    assert ask(relay) == (200, None)


def ask(relay: Relay) -> tuple[int, str | None]:
    """Status and, of an error, its code."""
    with relay.client() as client:
        told = chat(client)
    return told.status, None if told.status == 200 else told.error["code"]


def last_key(demo: Demo) -> str:
    """The key that last reached the upstream."""
    return demo.headers()["authorization"].removeprefix("Bearer ")


def test_a_changed_file_is_used_at_the_next_request(free: Relay, demo: Demo) -> None:
    """Key and base URL, without a restart, on a connection that is already open."""
    relay = free
    log_in(relay, demo)
    with relay.client() as client:
        assert chat(client).status == 200
        write(relay, {"apiKey": OTHER_KEY, "baseUrl": demo.base_url})
        assert chat(client).status == 401
        assert last_key(demo) == OTHER_KEY
        write(relay, {"apiKey": KEY, "baseUrl": demo.base_url})
        assert chat(client).status == 200
        write(relay, {"apiKey": KEY, "baseUrl": f"{demo.base_url}/elsewhere"})
        assert chat(client).status == 404
        assert demo.requests()[-1]["path"] == "/v1/elsewhere/chat/completions"


@pytest.mark.parametrize(
    "broken", [b"{", b"", b"[]", b'{"apiKey": 5}', b"\xff", b'{"baseUrl": "no"}']
)
def test_a_file_that_breaks_leaves_the_last_good_one(
    free: Relay, demo: Demo, broken: bytes
) -> None:
    """The old key serves on, one warning says so, and a mended file is used at once."""
    relay = free
    log_in(relay, demo)
    before = relay.log().count("The last good credentials go on serving")
    write(relay, broken)
    for _ in range(3):
        assert ask(relay) == (200, None)
        assert last_key(demo) == KEY
    assert relay.log().count("The last good credentials go on serving") == before + 1
    with relay.client() as client:
        assert client.get("/health").json()["status"] == "degraded"
    write(relay, {"apiKey": OTHER_KEY, "baseUrl": demo.base_url})
    assert ask(relay)[0] == 401
    with relay.client() as client:
        assert client.get("/health").json()["status"] == "ok"


def test_a_file_that_is_removed_logs_the_relay_out(free: Relay, demo: Demo) -> None:
    """Removing it is how a person logs out; writing it logs in again."""
    relay = free
    log_in(relay, demo)
    demo.clear()
    relay.settings.unlink()
    assert ask(relay) == (401, "not_logged_in")
    assert demo.requests() == []
    with relay.client() as client:
        health = client.get("/health").json()
    assert health["status"] == "degraded"
    assert health["iflow_logged_in"] is False
    write(relay, {"apiKey": KEY, "baseUrl": demo.base_url})
    assert ask(relay) == (200, None)


INVALID = (503, "settings_invalid")
BAD: dict[str, tuple[Any, tuple[int, str]]] = {
    "missing": (None, (401, "not_logged_in")),
    "empty": (b"", INVALID),
    "blanks": (b" \n", INVALID),
    "no JSON": (b"apiKey = x", INVALID),
    "half a JSON": (b'{"apiKey": "', INVALID),
    "not UTF-8": (b'{"apiKey": "\xff"}', INVALID),
    "nested deeply": (b"[" * 100_000, INVALID),
    "a list": ([], INVALID),
    "a text": ("x", INVALID),
    "null": (b"null", INVALID),
    "an empty object": ({}, (401, "not_logged_in")),
    "a key that is a number": ({"apiKey": 5}, INVALID),
    "a key that is a list": ({"apiKey": ["x"]}, INVALID),
    "a key that is empty": ({"apiKey": ""}, (401, "not_logged_in")),
    "a key that no header carries": ({"apiKey": "sk-河"}, INVALID),
    "a key with a line end": ({"apiKey": "sk-a\r\nX-Evil: 1"}, INVALID),
    "a key from nowhere": ({"apiKey": "$NOT_SET"}, INVALID),
    "a base URL that is none": ({"apiKey": "sk-x", "baseUrl": "hello"}, INVALID),
    "a base URL that is a number": ({"apiKey": "sk-x", "baseUrl": 5}, INVALID),
    "a base URL to a file": ({"apiKey": "sk-x", "baseUrl": "file:///etc/passwd"}, INVALID),
    "a base URL without a host": ({"apiKey": "sk-x", "baseUrl": "https:///v1"}, INVALID),
    "a base URL with a bad port": ({"apiKey": "sk-x", "baseUrl": "http://a:b/v1"}, INVALID),
    "a base URL with a key in it": ({"baseUrl": "https://u:sk-secret-password@a/v1"}, INVALID),
}


def check_bad(relay: Relay, demo: Demo, expected: tuple[int, str]) -> None:
    """Fail unless the client is told which file is bad, and a mended one is used."""
    with relay.client() as client:
        told = chat(client)
        assert (told.status, told.error["code"]) == expected
        assert "settings.json" in told.error["message"]
        for secret in ("sk-x", "sk-secret-password", "sk-a"):
            assert secret not in told.error["message"]
        health = client.get("/health").json()
        assert (health["status"], health["iflow_logged_in"]) == ("degraded", False)
        assert demo.requests() == []
    log_in(relay, demo)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_to_the_client(free: Relay, demo: Demo, name: str) -> None:
    """The message names the file and no key; a mended file is used at once."""
    settings, expected = BAD[name]
    if settings is not None:
        write(free, settings)
    check_bad(free, demo, expected)


@pytest.mark.parametrize("name", ["missing", "a list", "a base URL to a file"])
def test_a_relay_starts_with_a_bad_file(start_relay: StartRelay, demo: Demo, name: str) -> None:
    """It says so in its log, and serves as soon as the file is mended."""
    settings, expected = BAD[name]
    relay = start_relay(*LIKE_IFLOW, settings=settings)
    assert "settings.json" in relay.log()
    check_bad(relay, demo, expected)


def test_a_folder_in_place_of_the_file_is_told(start_relay: StartRelay, tmp_path: Path) -> None:
    """Likewise for what is no file at all."""
    folder = tmp_path / "settings.json"
    folder.mkdir()
    relay = start_relay(*LIKE_IFLOW, f"iflow_settings={folder}")
    with relay.client() as client:
        told = chat(client)
    assert (told.status, told.error["code"]) == INVALID
    assert "is a folder" in told.error["message"]


def test_an_unreadable_file_is_told(start_relay: StartRelay, tmp_path: Path) -> None:
    """A file that its owner may not read, or one that never ends."""
    looped = tmp_path / "settings.json"
    looped.symlink_to(looped)
    relay = start_relay(*LIKE_IFLOW, f"iflow_settings={looped}")
    with relay.client() as client:
        told = chat(client)
    assert (told.status, told.error["code"]) in (INVALID, (401, "not_logged_in"))
    assert "settings.json" in told.error["message"]


COMPANIONS = {
    "searchApiKey": ({"searchApiKey": KEY}, {}),
    "oauth_creds.json": ({}, {"oauth_creds.json": {"apiKey": KEY, "access_token": "x"}}),
    "iflow_accounts.json": ({}, {"iflow_accounts.json": {"iflowApiKey": KEY}}),
    "oauth_creds.json before iflow_accounts.json": (
        {},
        {"oauth_creds.json": {"apiKey": KEY}, "iflow_accounts.json": {"iflowApiKey": OTHER_KEY}},
    ),
    "apiKey before all": (
        {"apiKey": KEY, "searchApiKey": OTHER_KEY},
        {"oauth_creds.json": {"apiKey": OTHER_KEY}},
    ),
}


@pytest.mark.parametrize("name", COMPANIONS)
def test_the_key_is_found_where_the_cli_keeps_it(free: Relay, demo: Demo, name: str) -> None:
    """In this order: apiKey, searchApiKey, oauth_creds.json, iflow_accounts.json."""
    settings, companions = COMPANIONS[name]
    write(free, settings | {"baseUrl": demo.base_url})
    for file, content in companions.items():
        (free.settings.parent / file).write_text(json.dumps(content))
    assert ask(free) == (200, None)
    assert last_key(demo) == KEY


@pytest.mark.parametrize("prefix", ["IFLOW_", "iflow_"])
@pytest.mark.parametrize("style", ["apiKey baseUrl", "API_KEY BASE_URL"])
def test_the_environment_is_read_in_the_clis_spellings(
    start_relay: StartRelay, demo: Demo, prefix: str, style: str
) -> None:
    """Without any file."""
    key, base_url = style.split()
    variables = {prefix + key: KEY, prefix + base_url: demo.base_url}
    relay = start_relay(*LIKE_IFLOW, settings=None, environment=variables)
    assert ask(relay) == (200, None)


def test_the_order_of_places_is_option_environment_file(
    start_relay: StartRelay, demo: Demo
) -> None:
    """An option is above the environment, and that above the file."""
    file = {"apiKey": "sk-file-1111222233334444", "baseUrl": demo.base_url}
    above = {"IFLOW_API_KEY": OTHER_KEY}
    relay = start_relay(*LIKE_IFLOW, settings=file, environment=above)
    ask(relay)
    assert last_key(demo) == OTHER_KEY
    relay = start_relay(*LIKE_IFLOW, f"iflow_api_key={KEY}", settings=file, environment=above)
    ask(relay)
    assert last_key(demo) == KEY


HAND_WRITTEN = """\ufeff{
  // from the console
  "apiKey": "${MY_KEY}", /* expires */
  "baseUrl": "http://$MY_HOST:PORT/v1",
}
"""


def test_a_hand_written_file_is_understood(free: Relay, demo: Demo) -> None:
    """A byte order mark, comments, trailing commas and variables."""
    write(free, HAND_WRITTEN.replace("PORT", str(demo.port)).encode())
    assert ask(free) == (200, None)


def test_a_call_under_way_ends_with_the_key_it_began_with(free: Relay, demo: Demo) -> None:
    """A change of the file breaks no stream."""
    relay = free
    log_in(relay, demo)
    sent = {"x-demo": "pause=0.05, words=10"}
    body = {"model": "qwen3-coder-plus", "messages": [{"role": "user", "content": "x"}]}
    with (
        relay.client() as client,
        client.stream(
            "POST", "/chat/completions", json=body | {"stream": True}, headers=sent
        ) as answer,
    ):
        pieces = answer.iter_raw()
        first = next(pieces)
        write(relay, b"broken")
        assert (first + b"".join(pieces)).endswith(b"data: [DONE]\n\n")
