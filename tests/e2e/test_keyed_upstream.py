"""The upstream of the credential tests takes just the keys that it should, however many ask."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from tests.e2e.keyed_upstream import KeyedUpstream, Refusal
from tests.e2e.programs import HELLO, wait_until


@pytest.fixture
def keyed() -> Iterator[KeyedUpstream]:
    """One that takes a single key."""
    with KeyedUpstream({"good"}) as upstream:
        yield upstream


def ask(upstream: KeyedUpstream, key: str, *, stream: bool = False) -> httpx2.Response:
    """One chat call."""
    return httpx2.post(
        f"{upstream.base_url}/chat/completions",
        json={**HELLO, "stream": stream},
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
        timeout=30,
    )


def test_a_good_key_is_answered(keyed: KeyedUpstream) -> None:
    """Streamed and not; the set may change at any moment."""
    assert ask(keyed, "good").json()["choices"][0]["message"]["content"] == (
        "Hello from a keyed upstream"
    )
    assert ask(keyed, "good", stream=True).text.endswith("data: [DONE]\n\n")
    keyed.keys.remove("good")
    assert ask(keyed, "good").status_code == 401
    assert keyed.calls == {("good", 200): 2, ("good", 401): 1}


@pytest.mark.parametrize(
    ("refusal", "status", "counted", "words"),
    [
        ("401", 401, 401, "Incorrect API key"),
        ("200", 200, 439, "token expired"),
        ("439", 439, 439, "token expired"),
    ],
)
def test_another_key_is_refused_as_was_said(
    keyed: KeyedUpstream, refusal: Refusal, status: int, counted: int, words: str
) -> None:
    """In the three ways that were seen."""
    keyed.refusal = refusal
    answer = ask(keyed, "bad")
    assert (answer.status_code, words in answer.text) == (status, True)
    assert keyed.count("bad", counted) == 1


def test_two_hundred_calls_are_served_at_once(keyed: KeyedUpstream) -> None:
    """All of them are in flight before the first is answered."""
    keyed.gate.clear()
    with ThreadPoolExecutor(200) as executor:
        calls = [executor.submit(ask, keyed, "good", stream=n % 2 == 0) for n in range(200)]
        wait_until(lambda: keyed.active == 200, "200 calls in flight")
        assert not any(call.done() for call in calls)
        keyed.gate.set()
        assert {call.result(30).status_code for call in calls} == {200}
    assert keyed.count("good", 200) == 200
