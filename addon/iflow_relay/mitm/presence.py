"""Says that this relay runs, and where, for as long as it does; puts the system's proxy right."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.mode_servers import ServerInstance
from mitmproxy.utils import asyncio_utils

from ..credential import bracket
from ..presence import PRIVATE, Presence, announce
from ..system_proxy import switch
from .relay import Relay

logger = logging.getLogger(__name__)


class RelayPresence:
    """The note that `env`, `run`, `status` and the like find this relay by."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self._note: Path | None = None
        self._began = time.time()

    def running(self) -> None:
        ctx.master.addons.get("proxyserver").servers.changed.connect(self._look)
        self._look()
        asyncio_utils.create_task(self._recover(), name="recover system proxy", keep_ref=True)

    def done(self) -> None:
        if self._note:
            self._note.unlink(missing_ok=True)
            self._note = None
            if said := switch.restore_if_owned(os.getpid()):
                logger.warning("%s", said)

    def _look(self) -> None:
        """Where this relay listens now."""
        servers = ctx.master.addons.get("proxyserver").servers
        found: dict[str, str] = {}
        for server in servers:
            if (kind := _kind(server.mode)) and (address := _address(server)):
                found.setdefault(kind, address)
        self.relay.endpoint, self.relay.proxy = found.get("endpoint"), found.get("proxy")
        self.relay.find_way()
        if found and not servers.is_updating and not self.relay.refused:
            self._announce()

    def _announce(self) -> None:
        relay = self.relay
        presence = Presence(
            os.getpid(),
            relay.name,
            relay.endpoint,
            relay.proxy,
            tuple(map(str, relay.config.hosts)),
            os.path.expanduser(ctx.options.confdir),
            PRIVATE in os.environ,
            bool(relay.config.local_keys),
            self._began,
        )
        try:
            self._note = announce(presence)
        except OSError as error:
            logger.warning("Other commands will not find this relay: %s", error)

    async def _recover(self) -> None:
        """Put back what a relay that was killed has left behind."""
        if said := await asyncio.to_thread(switch.recover):
            logger.warning("%s", said)


def _kind(mode: mode_specs.ProxyMode) -> str | None:
    if isinstance(mode, mode_specs.ReverseMode):
        return "endpoint"
    if isinstance(mode, mode_specs.RegularMode | mode_specs.UpstreamMode):
        return "proxy"
    return None


def _address(server: ServerInstance[mode_specs.ProxyMode]) -> str | None:
    """Where programs of this machine reach a server."""
    if not server.listen_addrs:
        return None
    host, port = server.listen_addrs[0][:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
    return f"http://{bracket(host)}:{port}"
