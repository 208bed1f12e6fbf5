"""Renews the key of an OAuth login before it ends: once, however many want it.

Rules:
1. Whoever needs a new key joins the renewal that runs. One lock keeps all processes of this machine
   to one; who has waited for it looks into the file first, as another may have done it meanwhile.
2. What fails for a moment is tried again, with growing pauses; the old key serves while it is good.
3. What is refused for good is not tried again until somebody has logged in anew.
4. An upstream's refusal counts against the key that it met, and not against one that a renewal gave
   just now: that would ask the login service again for every call.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol

from .credential import Secret
from .errors import (
    CredentialRenewing,
    LoginError,
    LoginRequired,
    LoginUnavailable,
    RelayError,
)
from .rhythm import is_due, pause_after
from .session import Session, Upstream
from .succession import write_successor
from .tokens import Held, Tokens
from .trade import Traded, Trader, trade

logger = logging.getLogger(__name__)

PATIENCE: Final = 15.0
"""Seconds that a request waits for a renewal."""

MIN_ASKED: Final = 4.0
"""Seconds between two tries where requests ask for the next."""

REWRITE: Final = 10.0
"""Seconds until a file that could not be written is tried again."""

FRESH: Final = 300.0
"""Seconds for which a key counts as just renewed."""

MOMENT: Final = "The key cannot be renewed at the moment"

State = Literal["none", "idle", "running", "retrying", "refused"]


class Owner(Trader, Protocol):
    """What a renewal asks whoever it works for."""

    @property
    def session(self) -> Session:
        """The session of now."""


class Renewal:
    """The renewal of whatever key is in use."""

    def __init__(
        self,
        owner: Owner,
        environ: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.time,
        patience: float = PATIENCE,
        pauses: Callable[[int, float], float] = pause_after,
    ) -> None:
        self._owner = owner
        self._environ = environ
        self._clock = clock
        self._patience = patience
        self._pause_after = pauses
        self._task: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._again = asyncio.Event()
        self._trading = False
        self._failures = 0
        self._refused: tuple[Secret, str] | None = None
        self._failed_key: Secret | None = None
        self._fresh: tuple[Secret, float] | None = None
        self._lifetimes: dict[Secret, float] = {}
        self._warned = ""
        self.counts = {"renewed": 0, "failed": 0, "refused": 0}
        """Tries so far, by what came of them."""
        self.message: str | None = None
        """What stands against a renewal, in words."""

    @property
    def state(self) -> State:
        """What is going on, for people to see."""
        held = self._held()
        if held is None:
            return "none"
        if self._is_refused(held):
            return "refused"
        if self._task is None:
            return "idle"
        return "retrying" if self._failures else "running"

    @property
    def is_over(self) -> bool:
        """Whether the key in use has ended, or was refused, and no other has come in its place."""
        held = self._held()
        return held is not None and self._is_over(held)

    def look(self) -> None:
        """Begin what is due; called now and then, and when nothing waits."""
        held = self._held()
        if self._owner.session.unwritten and self._writing is None:
            self._writing = asyncio.create_task(self._write())
        if held and self._is_due(held.tokens):
            self._begin(held)

    def must_wait(self, upstream: Upstream) -> bool:
        """Whether a request has to wait for another key than this."""
        if upstream.tokens is None:
            return False
        self.look()
        held = upstream.held
        return held is not None and self._is_over(held)

    async def wait(self) -> None:
        """Return once there is a key that can be used; raises LoginRequired or CredentialRenewing.

        Returns as well where a login was changed meanwhile, to what has no need of a renewal.
        """
        held = self._owner.session.current().held
        if held and self._is_over(held) and (task := self._begin(held)):
            if self._failures:
                self._again.set()
            await asyncio.wait({task}, timeout=self._patience)
            held = self._owner.session.current().held
        if held is None or not self._is_over(held):
            return
        if self._refused and self._is_refused(held):
            raise LoginRequired(self._refused[1])
        why = f" {self.message}" if self.message else ""
        raise CredentialRenewing(f"The key has to be renewed, which has not succeeded yet.{why}")

    async def after_refusal(self, failed: Held) -> bool:
        """Have a key renewed that an upstream refused; whether there is another in its place.

        False where the refusal says nothing of the key's age; raises as `wait` does.
        """
        if self._key() != failed.key:
            return True
        if self._is_fresh(failed.key):
            return False
        self._failed_key = failed.key
        await self.wait()
        return self._key() != failed.key

    def try_again(self) -> None:
        """Forget a refusal: what stood against a renewal may have been mended."""
        self._refused = self.message = None

    async def close(self) -> None:
        """End what is under way, but for a call to the login service: its old token is used up.

        The process itself waits for that, as for every thread.
        """
        if self._trading:
            logger.warning("The key is being renewed: that is finished first, in seconds.")
        for task in (self._task, self._writing):
            if task:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def _held(self) -> Held | None:
        try:
            return self._owner.session.current().held
        except RelayError:
            return None

    def _key(self) -> Secret | None:
        return self._owner.session.current().key

    def _is_due(self, tokens: Tokens) -> bool:
        return is_due(tokens.expires, self._clock(), self._lifetimes.get(tokens.refresh))

    def _is_over(self, held: Held) -> bool:
        """Whether the key is of no use any more, as far as is known here."""
        expires = held.tokens.expires
        return held.key == self._failed_key or (expires is not None and expires <= self._clock())

    def _is_fresh(self, key: Secret) -> bool:
        fresh = self._fresh
        return fresh is not None and fresh[0] == key and self._clock() - fresh[1] < FRESH

    def _is_refused(self, held: Held) -> bool:
        return self._refused is not None and self._refused[0] == held.tokens.refresh

    def _begin(self, held: Held) -> asyncio.Task[None] | None:
        """The renewal that runs, begun where none does; None where there is no use in one."""
        if self._is_refused(held):
            return None
        if self._task is None:
            self._task = asyncio.create_task(self._run(held))
        return self._task

    async def _run(self, held: Held) -> None:
        """Try until it succeeds, is refused for good, or somebody has logged in anew."""
        try:
            while self._held() == held:
                try:
                    traded = await asyncio.to_thread(self._trade, held)
                    if not (traded and traded.unfinished):
                        self._take(held, traded)
                        return
                    held = self._take_half(held, traded)
                    self._count_failure()
                    self._say(f"{MOMENT}: {traded.unfinished}")
                except (LoginRequired, LoginUnavailable) as refusal:
                    self._refused = held.tokens.refresh, refusal.message
                    self.counts["refused"] += 1
                    self._say(f"The key is not renewed: {refusal.message}")
                    return
                except RelayError as error:
                    self._count_failure()
                    self._say(f"{MOMENT}: {error.message}")
                except Exception as error:
                    self._count_failure()
                    # No error: one during the start would end mitmdump.
                    logger.warning("A fault of the relay's own: %r", error, exc_info=error)
                await self._rest()
        finally:
            self._task = None
            self._failures = 0

    def _count_failure(self) -> None:
        self._failures += 1
        self.counts["failed"] += 1

    async def _rest(self) -> None:
        """Wait until the next try, or until a request asks for one, but not that often."""
        pause = self._pause_after(self._failures, random.random())  # noqa: S311 - no secret
        self._again.clear()
        await asyncio.sleep(min(pause, MIN_ASKED))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._again.wait(), max(pause - MIN_ASKED, 0))

    def _trade(self, held: Held) -> Traded | None:
        """One try, in a thread."""
        self._trading = True
        try:
            return trade(self._owner, self._environ, held, self._clock)
        finally:
            self._trading = False

    def _take(self, held: Held, traded: Traded | None) -> None:
        """Use what a try has given; None where another process, or a person, was first."""
        self.message = self._failed_key = None
        self._warned = ""
        if traded:
            self.counts["renewed"] += 1
            new, now = traded.successor, self._clock()
            self._owner.successors.add(held, new)
            self._fresh = (new.key, now)
            if new.tokens.expires:
                self._lifetimes = {new.tokens.refresh: new.tokens.expires - now}
            if traded.unwritten:
                self._say(f"The key was renewed, but not written: {traded.unwritten}")
            logger.info("The key was renewed: %s is now %s.", held.key.masked, new.key.masked)
        self._owner.session.read_again()

    def _take_half(self, held: Held, traded: Traded) -> Held:
        """Use the refresh token that came without a key; what has to be renewed from here on."""
        self._owner.successors.add(held, traded.successor)
        self._owner.session.read_again()
        return self._held() or held

    def _say(self, message: str) -> None:
        """Warn, once for as long as it stays the same."""
        if message != self._warned:
            logger.warning("%s", message)
        self._warned = self.message = message

    async def _write(self) -> None:
        """Write what the file does not say yet, and come again later where that fails."""
        try:
            if late := self._owner.session.unwritten:
                path = self._owner.config.settings
                await asyncio.to_thread(write_successor, path, late.old, late.successor)
                self._owner.session.read_again()
        except LoginError as error:
            self._say(error.message)
            await asyncio.sleep(REWRITE)
        finally:
            self._writing = None
