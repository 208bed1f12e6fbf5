"""The life of a key, against a real login service and a clock that the test moves."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.logins import DAY, logged_in, read
from tests.e2e.logins import service as service
from tests.e2e.oauth_service import Granted, OAuthService
from tests.e2e.programs import wait_until

from iflow_relay.config import Config, parse_config
from iflow_relay.credential import Secret
from iflow_relay.errors import CredentialRenewing, LoginRequired
from iflow_relay.next_proxy import Proxy
from iflow_relay.options import OPTIONS
from iflow_relay.renewal import Renewal
from iflow_relay.session import Session
from iflow_relay.succession import Successors
from iflow_relay.verification import Verification

BASE_URL = "http://127.0.0.1:9/v1"


class Owner:
    """Whoever has a session, as the relay does."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.successors = Successors()
        self.verification = Verification()
        self.session = Session(config, {}, self.successors)

    def next_proxy(self, scheme: str, host: str, port: int) -> Proxy | None:
        """None: the way to the service is direct."""
        return None


class Clock:
    """The wall clock, moved by hand."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class Life:
    """A login, its renewal, and the clock that both go by."""

    def __init__(self, path: Path, service: OAuthService) -> None:
        self.path = path
        self.service = service
        self.granted: Granted = service.issue()
        self.clock = Clock()
        options = {option.name: option.default for option in OPTIONS} | {
            "iflow_settings": str(path),
            "iflow_oauth_url": service.url,
            "iflow_oauth_client_secret": service.secret,
        }
        self.owner = Owner(parse_config(options))
        self.renewal = self.begin()

    def begin(self, patience: float = 10) -> Renewal:
        """The renewal of a relay that has just begun."""
        return Renewal(self.owner, {}, clock=self.clock, patience=patience, pauses=lambda *_: 0.01)

    def write(self, left: float) -> None:
        """The file as the login left it."""
        left += self.clock.now - time.time()
        self.path.write_text(json.dumps(logged_in(self.granted, BASE_URL, left=left)), "utf-8")

    @property
    def key(self) -> str:
        """The key in use."""
        key = self.owner.session.current().key
        return key.reveal() if key else ""

    def run(self, act: Callable[[], Awaitable[Any]]) -> Any:
        """Have it go on for as long as this takes."""

        async def live() -> Any:
            try:
                return await act()
            finally:
                await self.renewal.close()

        return asyncio.run(live())

    async def settle(self) -> None:
        """Return once nothing is under way."""
        while self.renewal.state in ("running", "retrying"):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)


@pytest.fixture
def life(home: Path, service: OAuthService) -> Life:
    """A login with twenty days to go."""
    folder = home / ".iflow"
    folder.mkdir()
    life = Life(folder / "settings.json", service)
    life.write(20 * DAY)
    return life


def test_the_key_is_renewed_when_its_last_day_begins(life: Life) -> None:
    """And again a month later, and so on; each time once."""

    async def live() -> list[int]:
        counts = []
        for days in (18.9, 0.2, 28.9, 0.2, 28.9, 0.2):
            life.clock.now += days * DAY
            life.renewal.look()
            life.renewal.look()
            await life.settle()
            counts.append(life.service.refreshes)
        return counts

    assert life.run(live) == [0, 1, 1, 2, 2, 3]
    assert life.renewal.counts == {"renewed": 3, "failed": 0, "refused": 0}
    assert life.key == life.service.key == read(life.path)["apiKey"]


def test_a_key_that_lives_an_hour_is_renewed_after_half_of_it(life: Life) -> None:
    """It always has less than a day to go: that alone must not renew it all the time."""
    life.service.behave(expires_in=3600)

    async def live() -> list[int]:
        counts = []
        for minutes in (20 * 24 * 60, 0, 25, 10, 25, 10):
            life.clock.now += minutes * 60
            life.renewal.look()
            await life.settle()
            counts.append(life.service.refreshes)
        return counts

    assert life.run(live) == [1, 1, 1, 2, 2, 3]


def test_a_hundred_that_wait_cause_one_renewal(life: Life) -> None:
    """All of them get the same new key."""
    life.clock.now += 21 * DAY

    async def live() -> None:
        assert life.renewal.must_wait(life.owner.session.current())
        await asyncio.gather(*(life.renewal.wait() for _ in range(100)))

    life.run(live)
    assert life.service.refreshes == 1
    assert life.key == life.service.key


def test_who_is_refused_for_an_old_key_gets_the_one_that_is_there(life: Life) -> None:
    """A hundred calls that an upstream has refused, some of them late."""
    held = life.owner.session.current().held
    assert held

    async def live() -> list[bool]:
        first = await asyncio.gather(*(life.renewal.after_refusal(held) for _ in range(50)))
        late = await asyncio.gather(*(life.renewal.after_refusal(held) for _ in range(50)))
        return first + late

    assert life.run(live) == [True] * 100
    assert life.service.refreshes == 1


def test_a_key_that_was_renewed_long_ago_may_be_refused_again(life: Life) -> None:
    """Only a fresh one that is refused says that its age is not the reason."""

    async def live() -> list[bool]:
        found = []
        for hours in (0, 0, 2):
            life.clock.now += hours * 3600
            held = life.owner.session.current().held
            assert held
            found.append(await life.renewal.after_refusal(held))
        return found

    assert life.run(live) == [True, False, True]
    assert life.service.refreshes == 2


@pytest.mark.parametrize("behaviour", [{}, {"refresh_token": "same"}, {"refresh_token": "none"}])
@pytest.mark.parametrize("wrapped", [False, True])
def test_every_good_answer_is_understood(
    life: Life, behaviour: dict[str, Any], wrapped: bool
) -> None:
    """A refresh token that is not given anew goes on being used."""
    life.service.behave(wrapped=wrapped, **behaviour)

    async def live() -> None:
        for _ in range(2):
            life.clock.now += 29.5 * DAY
            life.renewal.look()
            await life.settle()

    life.run(live)
    assert life.service.refreshes == 2
    assert life.key == life.service.key
    assert read(life.path)["oauth_refresh_token"] in life.service.refresh_tokens


@pytest.mark.parametrize("fault", ["success_false", "down", "hang_up", "garbage", "html"])
def test_what_fails_for_a_moment_is_tried_again(life: Life, fault: str) -> None:
    """Three times here; the state says that it is being tried."""
    life.service.behave(fault=fault, times=3)
    life.clock.now += 19.5 * DAY
    states = set()

    async def live() -> None:
        life.renewal.look()
        while life.renewal.state in ("running", "retrying"):
            states.add(life.renewal.state)
            await asyncio.sleep(0)

    life.run(live)
    assert "retrying" in states
    assert life.renewal.counts == {"renewed": 1, "failed": 3, "refused": 0}
    assert life.key == life.service.key != life.granted.key
    assert life.renewal.message is None


def test_a_refresh_token_that_came_without_a_key_is_not_lost(life: Life) -> None:
    """The old one is used up by then: the new one is in the file before the next try."""
    life.service.behave(fault="down", at="user_info")
    life.clock.now += 19.5 * DAY

    async def live() -> None:
        life.renewal.look()
        await asyncio.to_thread(
            wait_until,
            lambda: read(life.path)["oauth_refresh_token"] != life.granted.refresh,
            "the new refresh token in the file",
        )
        assert life.key == read(life.path)["apiKey"] == life.granted.key
        while life.renewal.state != "retrying":  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)
        life.service.behave()
        await life.settle()

    life.run(live)
    assert life.key == life.service.key == read(life.path)["apiKey"]
    assert life.renewal.message is None


def test_a_refusal_for_good_ends_it_until_somebody_logs_in(life: Life) -> None:
    """While the old key is good it serves; then a login is asked for."""
    life.service.forget()
    life.clock.now += 19.5 * DAY

    async def live() -> None:
        life.renewal.look()
        await life.settle()
        life.renewal.look()
        states = [life.renewal.state]
        assert not life.renewal.must_wait(life.owner.session.current())
        life.clock.now += DAY
        assert life.renewal.must_wait(life.owner.session.current())
        with pytest.raises(LoginRequired, match="iflow-relay login"):
            await life.renewal.wait()
        life.granted = life.service.issue()
        life.write(DAY * 50)
        assert not life.renewal.must_wait(life.owner.session.current())
        assert [*states, life.renewal.state] == ["refused", "idle"]

    life.run(live)
    assert life.service.refreshes == 1
    assert life.renewal.counts == {"renewed": 0, "failed": 0, "refused": 1}


def test_getuserinfo_that_refuses_is_a_refusal_for_good(life: Life) -> None:
    """The access token is as new as can be: another try would fare no better."""
    life.service.behave(fault="unauthorized", at="user_info")
    life.clock.now += 21 * DAY

    async def live() -> None:
        with pytest.raises(LoginRequired):
            await life.renewal.wait()

    life.run(live)


def test_patience_ends(life: Life) -> None:
    """A request is not held for ever; its error says why, and when to come again."""
    life.service.behave(fault="down")
    life.renewal = life.begin(patience=0.2)
    life.clock.now += 21 * DAY

    async def live() -> None:
        with pytest.raises(CredentialRenewing) as caught:
            await life.renewal.wait()
        assert (b"Retry-After", b"5") in caught.value.fields
        assert life.renewal.state == "retrying"

    life.run(live)


def test_a_key_that_cannot_be_written_serves_all_the_same(
    life: Life, caplog: pytest.LogCaptureFixture
) -> None:
    """The old tokens in the file are worth nothing; it is written as soon as it can be."""
    lock = life.path.with_name(".settings.json.lock")
    life.clock.now += 19.5 * DAY

    async def live() -> None:
        lock.unlink(missing_ok=True)
        lock.mkdir()
        life.renewal.look()
        await life.settle()
        assert life.key == life.service.key
        assert read(life.path)["apiKey"] == life.granted.key
        assert life.renewal.message is not None
        lock.rmdir()
        life.renewal.look()
        await asyncio.to_thread(
            wait_until, lambda: read(life.path)["apiKey"] == life.key, "the key in the file"
        )

    with caplog.at_level(logging.WARNING):
        life.run(live)
    assert "was renewed, but not written" in caplog.text
    assert life.service.refreshes == 1


def test_somebody_who_logs_in_meanwhile_has_the_last_word(life: Life) -> None:
    """The renewal of the login before writes nothing over it."""
    life.clock.now += 19.5 * DAY
    life.service.gate.clear()

    async def live() -> None:
        life.renewal.look()
        await asyncio.to_thread(wait_until, lambda: life.service.waiting == 1, "the call")
        life.path.write_text(json.dumps({"apiKey": "sk-by-hand", "baseUrl": BASE_URL}), "utf-8")
        life.service.gate.set()
        await life.settle()
        while life.renewal.state != "none":  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)

    life.run(live)
    assert read(life.path) == {"apiKey": "sk-by-hand", "baseUrl": BASE_URL}
    assert life.owner.session.current().key == Secret("sk-by-hand")


def test_nothing_secret_is_logged(life: Life, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever happens."""
    with caplog.at_level(logging.DEBUG):
        for fault in ("down", "success_false", "invalid_grant"):
            life.service.behave(fault=fault, times=1)
            life.clock.now += 30 * DAY

            async def live() -> None:
                life.renewal.look()
                await life.settle()

            life.run(live)
    secrets = (*life.granted, life.service.secret, life.service.key)
    assert [secret for secret in secrets if secret in caplog.text] == []
    assert caplog.text
