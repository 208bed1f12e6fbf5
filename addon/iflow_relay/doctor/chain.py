"""The parts of the chain, from the settings to the programs of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..config import Config
from ..credential import Secret
from ..errors import RelayError
from ..presence import find_running
from ..routing import HostPattern, parse_host_pattern
from ..session import Session
from ..system_proxy import snapshot, state
from ..trust.authority import Authority, AuthorityError, read_authority
from ..trust.machine import Machine
from ..trust.places import list_stores
from .authority import check_authority
from .credentials import check_credentials
from .desktops import check_desktops
from .ending import Ending
from .parts import Part
from .reach import MakeContext
from .relays import check_relays
from .runtimes import MakeLeaf, check_runtimes
from .stores import check_stores
from .stream import check_stream
from .upstream import check_upstream
from .verdict import failure


@dataclass(frozen=True, slots=True)
class Case:
    """Whose chain is looked at, and with what."""

    config: Config | str
    """The options, or what is wrong with them."""
    before: Mapping[str, str]
    """The environment as it was before this shell was pointed at a relay."""
    machine: Machine
    confdir: Path
    listen: tuple[str, int]
    live: bool
    folder: Path
    """For files that nobody needs afterwards."""
    ending: Ending
    make_context: MakeContext
    make_leaf: MakeLeaf

    @property
    def authority(self) -> Authority | None:
        """The certificate authority, if it is good."""
        try:
            return read_authority(self.confdir)
        except AuthorityError:
            return None

    @property
    def hosts(self) -> tuple[HostPattern, ...]:
        """The virtual hosts; the usual one where the options are of no use."""
        if isinstance(self.config, str):
            return (parse_host_pattern("api.openai.com"),)
        return self.config.hosts


def list_parts(case: Case) -> list[Part]:
    """What is to be looked at, in the order in which a call passes it."""
    machine, environ = case.machine, case.machine.environ
    home = case.folder / "home"
    home.mkdir()
    return [
        *_parts_with_options(case),
        Part("relay", partial(check_relays, *case.listen, find_running)),
        Part("stream", partial(check_stream, case.before, home, case.ending)),
        Part("authority", partial(check_authority, case.confdir)),
        Part("trust", lambda: check_stores(list_stores(machine), case.authority)),
        Part(
            "programs",
            lambda: check_runtimes(
                environ, case.hosts, case.authority, case.make_leaf, case.folder
            ),
        ),
        Part("system proxy", partial(check_desktops, snapshot.load, state.read_settings)),
    ]


def _parts_with_options(case: Case) -> list[Part]:
    config = case.config
    if isinstance(config, str):
        where = f"mend the command line, or {case.confdir / 'config.yaml'}"
        return [Part("settings", lambda: [failure("options", config, where)])]
    return [
        Part("settings", partial(check_credentials, config, case.before)),
        Part(
            "upstream",
            partial(check_upstream, config, case.before, case.make_context, live=case.live),
        ),
    ]


def find_secrets(case: Case) -> list[Secret]:
    """The keys that must not be shown, whatever a program or an upstream says."""
    config = case.config
    if isinstance(config, str):
        return []
    session = Session(config, case.before)
    session.refresh()
    found = [Secret(session.found["api_key"].value)] if "api_key" in session.found else []
    try:
        current = session.current().key
    except RelayError:
        current = None
    named = [key for key in (config.api_key, current, *config.local_keys) if key]
    # A shorter one would be found in words that have nothing to do with it.
    return [key for key in dict.fromkeys((*found, *named)) if len(key.reveal()) >= SHORTEST]


SHORTEST = 8
