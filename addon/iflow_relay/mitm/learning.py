"""Learns what an upstream has, once, before the first app asks it for a model of OpenAI's."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import NamedTuple

from ..catalog import NO_LIST
from ..credential import BaseUrl
from ..errors import RelayError
from ..fetch import fetch_models
from ..library import Library
from ..next_proxy import Proxy
from ..refusal import read_list
from ..session import Upstream
from ..verification import Verification

logger = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that a first call waits for the list."""

PAUSE = 60.0
"""Seconds until an upstream is asked again that has not given its list."""


class Way(NamedTuple):
    """How to get there, and what to demand of who answers."""

    proxy: Proxy | None
    verification: Verification


class Learner:
    """Asks each upstream once, however many calls want to know."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._asking: dict[BaseUrl, asyncio.Task[None]] = {}
        self._failed: dict[BaseUrl, float] = {}

    def has_to_ask(self, base_url: BaseUrl) -> bool:
        """Whether it is not known what the upstream has, and could be."""
        if self._library.own_list(base_url) is not None:
            return False
        failed = self._failed.get(base_url)
        waits = failed is not None and time.monotonic() - failed < PAUSE
        return not waits and self._library.learned(base_url) is None

    async def ask(self, upstream: Upstream, agent: str, way: Way) -> None:
        """Ask, or wait for who does; a list that does not come is no error."""
        base = upstream.base_url
        if base not in self._asking:
            self._asking[base] = asyncio.create_task(self._ask(upstream, agent, way))
        await asyncio.shield(self._asking[base])

    async def _ask(self, upstream: Upstream, agent: str, way: Way) -> None:
        base = upstream.base_url
        try:
            status, body = await asyncio.to_thread(
                fetch_models, base, upstream.key, agent, PATIENCE, *way
            )
            if status < 300:
                self._library.learn(base, (str(entry.get("id")) for entry in read_list(body)))
            elif status in NO_LIST:
                self._library.learn(base, ())
            else:
                self._failed[base] = time.monotonic()
        except RelayError as error:
            self._failed[base] = time.monotonic()
            logger.info("What %s has could not be learned: %s", base, error.message)
        finally:
            del self._asking[base]
