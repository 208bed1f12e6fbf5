"""The key of an OAuth login, from one renewal to the next, in relays that run."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import openai
import pytest
from tests.e2e.asking import chat
from tests.e2e.conftest import StartRelay
from tests.e2e.keyed_upstream import KeyedUpstream
from tests.e2e.logins import DAY, logged_in, read
from tests.e2e.logins import service as service
from tests.e2e.logins import upstream as upstream
from tests.e2e.oauth_service import Granted, OAuthService
from tests.e2e.programs import MODEL, Relay, wait_until

Start = Callable[..., Relay]


@pytest.fixture
def granted(service: OAuthService) -> Granted:
    """What the login was given."""
    return service.issue()


@pytest.fixture
def start(
    start_relay: StartRelay, service: OAuthService, upstream: KeyedUpstream, granted: Granted
) -> Start:
    """Starts a relay whose key has this long to live."""

    def begin(left: float, *options: str, **more: Any) -> Relay:
        settings = logged_in(granted, upstream.base_url, left=left, **more)
        return start_relay(*options, settings=settings, environment=service.environment)

    return begin


def wait_for_renewal(relay: Relay, granted: Granted) -> dict[str, Any]:
    """What settings.json says once it holds another key."""
    wait_until(lambda: read(relay.settings)["apiKey"] != granted.key, "another key in the file")
    return read(relay.settings)


def test_a_key_is_renewed_in_its_last_day_though_nobody_calls(
    start: Start, service: OAuthService, upstream: KeyedUpstream, granted: Granted
) -> None:
    """Once; and every other member of the file stays as it was."""
    relay = start(0.5 * DAY, telemetry={"on": False}, list=[1, 2.50])
    found = wait_for_renewal(relay, granted)
    assert found["apiKey"] == found["searchApiKey"] == service.key
    assert found["oauth_refresh_token"] in service.refresh_tokens
    assert (found["theme"], found["telemetry"], found["list"]) == (
        "Default",
        {"on": False},
        [1, 2.50],
    )
    with relay.client() as client:
        assert chat(client).status == 200
    assert upstream.count(service.key, 200) == 1
    assert service.refreshes == 1
    relay.check_log(secrets=secrets_of(service, granted))


def test_a_key_with_days_to_live_is_left_alone(start: Start, service: OAuthService) -> None:
    """The service is asked nothing."""
    relay = start(2 * DAY)
    with relay.client() as client:
        assert chat(client).status == 200
    assert service.calls.total() == 0


def test_a_request_waits_for_the_key_that_comes(
    start: Start, service: OAuthService, upstream: KeyedUpstream, granted: Granted
) -> None:
    """The old one, which has ended, goes nowhere any more."""
    service.behave(slow=0.5)
    relay = start(-60)
    with relay.client() as client:
        assert chat(client).status == 200
        assert chat(client, stream=True).status == 200
    assert upstream.count(granted.key) == 0
    assert service.refreshes == 1


def ask_at_once(relay: Relay, number: int, begun: Callable[[], None] = lambda: None) -> list[str]:
    """What the official SDK returns for so many calls at once, as it comes by default."""

    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=relay.base_url, api_key="unused") as client:
            calls = [
                asyncio.create_task(
                    client.chat.completions.create(
                        model=MODEL, messages=[{"role": "user", "content": "hello"}]
                    )
                )
                for _ in range(number)
            ]
            await asyncio.to_thread(begun)
            answers = await asyncio.gather(*calls)
        return [answer.choices[0].message.content or "" for answer in answers]

    return asyncio.run(ask())


@pytest.mark.parametrize("refusal", ["401", "200", "439"])
def test_200_calls_that_an_upstream_refuses_cost_one_renewal(
    start: Start,
    service: OAuthService,
    upstream: KeyedUpstream,
    granted: Granted,
    refusal: Literal["401", "200", "439"],
) -> None:
    """The SDK comes again by itself, as it is told to; its user sees 200 good answers."""
    service.behave(slow=0.3)
    upstream.refusal = refusal
    relay = start(5 * DAY)
    upstream.keys.discard(granted.key)
    assert ask_at_once(relay, 200) == ["Hello from a keyed upstream"] * 200
    assert service.refreshes == 1
    assert upstream.count(service.key, 200) == 200
    relay.check_log(secrets=secrets_of(service, granted))


def test_200_calls_in_flight_as_the_key_ends_get_200_answers(
    start: Start, service: OAuthService, upstream: KeyedUpstream, granted: Granted
) -> None:
    """By its date: those that are out come home, those that come after wait for the next key."""
    service.behave(slow=0.3)
    upstream.gate.clear()
    relay = start(5 * DAY)

    def end_the_key() -> None:
        wait_until(lambda: upstream.active == 100, "the calls with the old key")
        ended = logged_in(granted, upstream.base_url, left=-1)
        relay.settings.write_text(json.dumps(ended), "utf-8")
        threading.Timer(0.3, upstream.gate.set).start()

    answers: list[str] = []
    early = threading.Thread(target=lambda: answers.extend(ask_at_once(relay, 100, end_the_key)))
    early.start()
    wait_until(lambda: read_or_none(relay.settings).get("theme") is not None, "the file")
    wait_until(lambda: upstream.active >= 100, "the calls with the old key")
    wait_until(lambda: upstream.gate.is_set(), "the end of the key")
    answers.extend(ask_at_once(relay, 100))
    early.join(30)
    assert answers == ["Hello from a keyed upstream"] * 200
    assert service.refreshes == 1
    assert upstream.count(granted.key, 200) == upstream.count(service.key, 200) == 100


def read_or_none(path: Path) -> dict[str, Any]:
    """What the file holds, whoever is writing it at the moment."""
    try:
        return read(path)
    except ValueError:
        return {}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("refusal", ["401", "200", "439"])
def test_the_call_that_meets_the_refusal_is_told_when_to_come_again(
    start: Start,
    service: OAuthService,
    upstream: KeyedUpstream,
    granted: Granted,
    refusal: Literal["401", "200", "439"],
    stream: bool,
) -> None:
    """It is not sent twice: whether that does harm, only its client knows."""
    upstream.refusal = refusal
    relay = start(5 * DAY)
    upstream.keys.discard(granted.key)
    with relay.client() as client:
        told = chat(client, stream=stream)
        assert (told.status, told.error["code"]) == (503, "credential_renewed")
        assert told.headers["retry-after"] == "1"
        assert len(upstream.bodies) == 1
        assert chat(client, stream=stream).status == 200
    assert service.refreshes == 1


def test_a_new_key_that_is_refused_as_well_is_not_renewed_again(
    start: Start, service: OAuthService, upstream: KeyedUpstream
) -> None:
    """Else every call would ask the login service, for nothing: the upstream's word stands."""
    relay = start(5 * DAY)
    upstream.keys = set()
    with relay.client() as client:
        assert chat(client).error["code"] == "credential_renewed"
        for _ in range(3):
            told = chat(client)
            assert (told.status, told.error["code"]) == (401, "invalid_api_key")
    assert service.refreshes == 1


def test_a_renewal_that_gives_the_same_key_leaves_the_upstreams_word(
    start: Start, service: OAuthService, upstream: KeyedUpstream, granted: Granted
) -> None:
    """What is refused is then not its age."""
    service.behave(new_key=False)
    relay = start(5 * DAY)
    upstream.keys.discard(granted.key)
    with relay.client() as client:
        for _ in range(3):
            assert chat(client).status == 401
    assert service.refreshes == 1


def test_two_relays_renew_once(
    start: Start, service: OAuthService, granted: Granted, start_relay: StartRelay
) -> None:
    """Whoever comes second finds the new key in the file, and uses it."""
    service.behave(slow=0.5)
    first = start(20 * DAY)
    environment = service.environment
    second = start_relay(f"iflow_settings={first.settings}", environment=environment)
    due = read(first.settings) | {"oauth_expires_at": "2001-01-01T00:00:00Z"}
    first.settings.write_text(json.dumps(due), "utf-8")
    statuses: list[int] = []

    def ask(relay: Relay) -> None:
        with relay.client() as client:
            statuses.append(chat(client).status)

    threads = [threading.Thread(target=ask, args=[relay]) for relay in (first, second) * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * 10
    assert service.refreshes == 1
    assert read(first.settings)["apiKey"] == service.key


def test_a_refusal_for_good_asks_for_a_login(
    start: Start, service: OAuthService, granted: Granted
) -> None:
    """The message has the command; the service is not asked again and again."""
    service.forget()
    relay = start(-60)
    with relay.client() as client:
        for _ in range(3):
            told = chat(client)
            assert (told.status, told.error["code"]) == (401, "login_required")
            assert "iflow-relay login" in told.error["message"]
        assert client.get("/health").json()["status"] == "degraded"
    assert service.refreshes == 1
    relay.check_log(secrets=secrets_of(service, granted))
    again = logged_in(service.issue(), read(relay.settings)["baseUrl"])
    relay.settings.write_text(json.dumps(again), "utf-8")
    with relay.client() as client:
        assert chat(client).status == 200


def test_a_refusal_for_good_lets_the_old_key_live_out_its_time(
    start: Start, service: OAuthService
) -> None:
    """It is good, whatever becomes of its renewal."""
    service.forget()
    relay = start(0.5 * DAY)
    wait_until(lambda: service.refreshes == 1, "the refusal")
    with relay.client() as client:
        assert chat(client).status == 200


@pytest.mark.parametrize("fault", ["down", "success_false", "hang_up", "garbage"])
def test_a_service_that_fails_for_a_moment_is_asked_again(
    start: Start, service: OAuthService, granted: Granted, fault: str
) -> None:
    """Meanwhile the old key serves."""
    service.behave(fault=fault, times=1)
    relay = start(0.5 * DAY)
    wait_until(lambda: service.calls.total() > 0, "the first try")
    with relay.client() as client:
        assert chat(client).status == 200
    assert wait_for_renewal(relay, granted)["apiKey"] == service.key


def test_an_ended_key_and_a_service_that_is_down_is_an_error_that_passes(
    start: Start, service: OAuthService, granted: Granted
) -> None:
    """A request is held for a while, then told when to come again."""
    service.behave(fault="down")
    relay = start(-60)
    begun = time.monotonic()
    with relay.client() as client:
        told = chat(client)
        assert (told.status, told.error["code"]) == (503, "credential_renewing")
        assert told.headers["retry-after"] == "5"
        assert time.monotonic() - begun < 25
        service.behave()
        assert chat(client).status == 200
    relay.check_log(secrets=secrets_of(service, granted))


def test_a_relay_that_ends_finishes_the_renewal_under_way(
    start: Start, service: OAuthService, granted: Granted
) -> None:
    """The old refresh token is used up by then: to end at once would end the login."""
    service.gate.clear()
    relay = start(0.5 * DAY)
    wait_until(lambda: service.waiting == 1, "the call to the service")
    relay.interrupt()
    relay.wait_for("that is finished first")
    service.gate.set()
    assert relay.wait(10) == 0
    found = read(relay.settings)
    assert found["apiKey"] == service.key != granted.key
    assert found["oauth_refresh_token"] in service.refresh_tokens


def test_without_the_client_secret_the_reason_is_said(
    start_relay: StartRelay, service: OAuthService, upstream: KeyedUpstream, granted: Granted
) -> None:
    """It is not ours to ship, and who has none can still log in by key."""
    settings = logged_in(granted, upstream.base_url, left=-60)
    relay = start_relay(settings=settings, environment={"IFLOW_OAUTH_URL": service.url})
    with relay.client() as client:
        told = chat(client)
    assert (told.status, told.error["code"]) == (401, "login_required")
    assert "IFLOW_OAUTH_CLIENT_SECRET" in told.error["message"]
    assert service.calls.total() == 0


def test_an_edit_during_a_renewal_is_kept(
    start: Start, service: OAuthService, granted: Granted
) -> None:
    """The file is read again before it is written."""
    service.gate.clear()
    relay = start(0.5 * DAY)
    wait_until(lambda: service.waiting == 1, "the renewal")
    edited = relay.settings.read_text("utf-8").replace(
        '"Default"', '"Dark",\n  "mine": [1, 2] // a note\n'
    )
    relay.settings.write_text(edited, "utf-8")
    service.gate.set()
    wait_until(
        lambda: granted.key not in relay.settings.read_text("utf-8"), "the new key in the file"
    )
    found = relay.settings.read_text("utf-8")
    assert '"Dark",\n  "mine": [1, 2] // a note\n' in found
    assert found.count(service.key) == 2


def test_a_file_that_is_saved_in_an_older_state_is_put_right(
    start: Start, service: OAuthService, granted: Granted
) -> None:
    """An editor that was open all the while has the old tokens, which are worth nothing now."""
    relay = start(0.5 * DAY)
    before = relay.settings.read_text("utf-8")
    wait_for_renewal(relay, granted)
    relay.settings.write_text(before.replace("Default", "Dark"), "utf-8")
    with relay.client() as client:
        assert chat(client).status == 200
    assert wait_for_renewal(relay, granted)["theme"] == "Dark"
    assert read(relay.settings)["apiKey"] == service.key
    assert service.refreshes == 1


def test_the_clis_own_file_is_renewed_where_it_is(
    start_relay: StartRelay, service: OAuthService, granted: Granted
) -> None:
    """Both files, as the CLI would; for iFlow's own address alone, as no mark says more."""
    settings = {"selectedAuthType": "oauth-iflow", "apiKey": granted.key}
    relay = start_relay("iflow_next_proxy=none", settings=settings, environment=service.environment)
    creds = relay.settings.with_name("oauth_creds.json")
    soon = int((time.time() + 0.4 * DAY) * 1000)
    creds.write_text(
        json.dumps(
            {
                "access_token": granted.access,
                "refresh_token": granted.refresh,
                "expiry_date": soon,
                "scope": "read",
                "apiKey": granted.key,
            }
        ),
        "utf-8",
    )
    relay.settings.write_text(json.dumps(settings | {"theme": "Dark"}), "utf-8")
    found = wait_for_renewal(relay, granted)
    assert found == {"selectedAuthType": "oauth-iflow", "apiKey": service.key, "theme": "Dark"}
    written = read(creds)
    assert written["refresh_token"] in service.refresh_tokens
    assert written["scope"] == "read"
    assert written["expiry_date"] > soon


def test_another_programs_tokens_do_not_overwrite_a_key_for_elsewhere(
    start_relay: StartRelay, service: OAuthService, upstream: KeyedUpstream, granted: Granted
) -> None:
    """A key and an address that were put in by hand, beside an old login: all of it stays."""
    settings = {
        "selectedAuthType": "oauth-iflow",
        "apiKey": granted.key,
        "baseUrl": upstream.base_url,
        "oauth_refresh_token": granted.refresh,
        "oauth_expires_at": "2001-01-01T00:00:00",
    }
    relay = start_relay(settings=settings, environment=service.environment)
    with relay.client() as client:
        assert chat(client).status == 200
    assert read(relay.settings) == settings
    assert service.calls.total() == 0


def secrets_of(service: OAuthService, granted: Granted) -> tuple[str, ...]:
    """All that no log may hold."""
    return (*granted, service.secret, service.key, *service.refresh_tokens, *service.access_tokens)
