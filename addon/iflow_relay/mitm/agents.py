"""Sends what asks for an agent to the server in this process that speaks for agents."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from mitmproxy import http

from ..catalog import ModelMap
from ..credential import parse_base_url
from ..dialects.chat import parse_chat
from ..headers import by_name
from ..routing import Kind
from ..session import Upstream
from .aiming import aim, run_on
from .call import Call
from .copies import headers_of
from .edge import HasRelay, closed_where_it_may_wait
from .relay import Relay
from .route import answer_json, pick_model

if TYPE_CHECKING:
    from ..agent.server import AgentServer  # most relays are never asked for an agent

NAMED = b'"iflow'
"""How the name of every agent's model begins in a request's JSON."""

MARGIN = 15.0
"""Seconds beyond an agent's deadline in which it has to say that it was too slow."""


class RelayAgents(HasRelay):
    """Runs before the route is taken: an agent needs no credential of the upstream's."""

    def __init__(self, relay: Relay) -> None:
        super().__init__(relay)
        self._server: AgentServer | None = None
        self._starting = asyncio.Lock()

    def done(self) -> Awaitable[None] | None:
        # mitmproxy waits for it at its end, and cannot where it only reloads the script.
        return asyncio.ensure_future(self._server.close()) if self._server else None

    @closed_where_it_may_wait
    def request(self, flow: http.HTTPFlow, call: Call) -> Awaitable[None] | None:
        if call.route.kind is Kind.MODELS:
            self._answer_models(flow, call)
        body = flow.request.raw_content or b""
        if call.route.kind is not Kind.CHAT or not self._may_be_meant(body, call):
            return None
        from ..agent.book import agent_name

        chat = parse_chat(body)
        run = self._model_map(call).run(chat.model, foreign_host=call.foreign_host)
        name = agent_name(run)
        if name is None:
            return None
        run_on(flow, call, chat, run)
        # The agent's own deadline comes first: it says more.
        call.patience = self.relay.agents.find(name).deadline + MARGIN
        return self._send(flow, call)

    def _answer_models(self, flow: http.HTTPFlow, call: Call) -> None:
        """Tell of agents what the upstream cannot, or where there is no upstream to ask."""
        entries, wanted = self.relay.agent_entries(), call.route.model
        self.relay.session.refresh()
        if any(entry["id"] == wanted for entry in entries) or (
            entries and wanted is None and not self.relay.session.is_logged_in
        ):
            answer_json(flow, call, pick_model(entries, wanted))

    def _may_be_meant(self, body: bytes, call: Call) -> bool:
        """Whether a closer look is worth it: most requests are for a model of the upstream's."""
        targets = [rule.model for rule in self.relay.config.model_map]
        if call.foreign_host and (default := self.relay.session.found.get("model")):
            targets.append(default.value)
        return NAMED in body or any(target.startswith("iflow") for target in targets)

    def _model_map(self, call: Call) -> ModelMap:
        """As for an upstream, whether or not there is one."""
        session = self.relay.session
        session.refresh()
        if session.is_logged_in:
            return self.relay.model_map(session.current())
        default = session.found.get("model")
        return ModelMap(self.relay.config.model_map, default.value if default else None)

    async def _send(self, flow: http.HTTPFlow, call: Call) -> None:
        """Aim the request at the server, which is started for the first one."""
        from ..agent.server import CALLER

        server = await self._start()
        upstream = Upstream(parse_base_url(server.base_url), server.key, None, {})
        aim(self.relay, flow, call, upstream, by_name(flow.request.headers.fields))
        name = CALLER.encode()
        kept = [field for field in flow.request.headers.fields if field[0].lower() != name]
        flow.request.headers = headers_of((*kept, (name, find_caller(flow, call).encode())))

    async def _start(self) -> AgentServer:
        from ..agent.server import AgentServer

        async with self._starting:
            if self._server is None:
                server = AgentServer(self.relay.agents)
                await server.start()
                self._server = server
        return self._server


def find_caller(flow: http.HTTPFlow, call: Call) -> str:
    """Who calls, as far as that can be told: nobody goes on with another's conversation."""
    address = str((flow.client_conn.peername or ("",))[0])
    return hashlib.sha256(f"{address} {call.key_mark}".encode()).hexdigest()[:16]
