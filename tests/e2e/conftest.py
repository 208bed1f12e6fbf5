"""One demo upstream and one relay for most tests; others where a test needs its own."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.e2e.certificates import make_site
from tests.e2e.machine import Machine
from tests.e2e.machine import Served as Served
from tests.e2e.machine import Sinkhole as Sinkhole
from tests.e2e.machine import sets as sets
from tests.e2e.programs import (
    ADDON,
    Program,
    Relay,
    free_port,
    make_environment,
    mitmproxy_program,
    wait_until,
)
from tests.e2e.servers import Demo, Stub, stub
from tests.e2e.site import NAME, FileSite

from iflow_relay import demo as demo_package

UNCHANGED: dict[str, Any] = {}


Aim = Callable[[str], Relay]


class StartRelay(Protocol):
    """Starts a relay; it ends with the test."""

    def __call__(
        self,
        *options: str,
        settings: Any = UNCHANGED,
        environment: Mapping[str, str] | None = None,
        program: str = "mitmdump",
        arguments: Sequence[str] = (),
    ) -> Relay: ...


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """The demo upstream."""
    server = Demo()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def no_call_outlives_its_test(demo: Demo) -> Iterator[None]:
    """An upstream call ends with its client, however the test has gone."""
    before = demo.stats()["active"]
    yield
    wait_until(lambda: demo.stats()["active"] <= before, "the end of all upstream calls", 5)


@pytest.fixture(scope="session")
def decoy() -> Iterator[Stub]:
    """Stands where `--mode reverse:` points; nobody may ever connect."""
    with stub() as server:
        yield server
        assert server.connections == 0


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration folder with a certificate authority in it: making one takes time."""
    from mitmproxy.certs import CertStore

    folder = tmp_path_factory.mktemp("authority")
    CertStore.from_store(folder, "mitmproxy", 2048)
    return folder


class Starter:
    """Starts relays in one folder, and ends them."""

    def __init__(self, folder: Path, demo: Demo, decoy: Stub, authority: Path) -> None:
        self._folder = folder
        self._demo = demo
        self._decoy = decoy
        self._authority = authority
        self._stack = contextlib.ExitStack()
        self._count = 0

    def start(
        self,
        *options: str,
        settings: Any = UNCHANGED,
        environment: Mapping[str, str] | None = None,
        program: str = "mitmdump",
        arguments: Sequence[str] = (),
    ) -> Relay:
        """Start one; `settings` is what settings.json holds, None for no file."""
        home = self.make_home()
        if settings is UNCHANGED:
            settings = {"apiKey": demo_package.KEY, "baseUrl": self._demo.base_url}
        if settings is not None:
            text = settings if isinstance(settings, bytes) else json.dumps(settings).encode()
            (home / ".iflow" / "settings.json").write_bytes(text)
        sets = (f"confdir={home.parent / 'conf'}", *options)
        further = [*(part for option in sets for part in ("--set", option)), *arguments]
        for _ in range(3):
            relay = self._launch(home, program, further, environment)
            if relay.wait_until_it_answers():
                break
        return relay

    def _launch(
        self,
        home: Path,
        program: str,
        further: Sequence[str],
        environment: Mapping[str, str] | None,
    ) -> Relay:
        port, proxy_port = free_port(), free_port()
        command = [
            *mitmproxy_program(program),
            *("-s", str(ADDON / "iflow.py")),
            *("--mode", f"reverse:http://127.0.0.1:{self._decoy.port}@127.0.0.1:{port}"),
            *("--mode", f"regular@127.0.0.1:{proxy_port}"),
            *further,
        ]
        # From a bare checkout mitmproxy itself puts the addon's folder on the path.
        variables = make_environment(home, environment)
        del variables["PYTHONPATH"]
        relay = Relay(command, variables, home.parent, port=port, proxy_port=proxy_port)
        return self.keep(relay)

    def make_home(self) -> Path:
        """A home folder of its own, with mitmproxy's configuration folder `conf` beside it."""
        self._count += 1
        folder = self._folder / str(self._count)
        shutil.copytree(self._authority, folder / "conf")
        home = folder / "home"
        (home / ".iflow").mkdir(parents=True)
        return home

    def keep[P: Program](self, program: P) -> P:
        """End the program with the rest."""
        self._stack.callback(program.stop)
        self._stack.callback(program.check_log)
        return program

    def close(self) -> None:
        """End all of them."""
        self._stack.close()


LIKE_IFLOW = ("iflow_models=builtin", "iflow_user_agent=iFlow-Cli")
"""Options that treat the demo upstream as the one it plays."""


@pytest.fixture(scope="session")
def lasting(
    tmp_path_factory: pytest.TempPathFactory, demo: Demo, decoy: Stub, authority: Path
) -> Iterator[Starter]:
    """Starts relays that serve many tests."""
    starter = Starter(tmp_path_factory.mktemp("lasting"), demo, decoy, authority)
    yield starter
    starter.close()


@pytest.fixture(scope="session")
def common_relay(lasting: Starter) -> Relay:
    """The relay of most tests."""
    return lasting.start(*LIKE_IFLOW)


@pytest.fixture(scope="session")
def common_impatient_relay(lasting: Starter) -> Relay:
    """A relay that waits one second for an upstream."""
    return lasting.start(*LIKE_IFLOW, "iflow_timeout=1")


@pytest.fixture
def relay(common_relay: Relay, demo: Demo) -> Iterator[Relay]:
    """A relay in front of the demo upstream, which has seen nothing yet."""
    demo.clear()
    yield common_relay
    common_relay.check_log()


@pytest.fixture
def impatient_relay(common_impatient_relay: Relay, demo: Demo) -> Iterator[Relay]:
    """The same with `iflow_timeout=1`."""
    demo.clear()
    yield common_impatient_relay
    common_impatient_relay.check_log()


@pytest.fixture(scope="session")
def common_aimed_relay(lasting: Starter) -> Relay:
    """The relay of the tests that bring their own upstream."""
    return lasting.start("iflow_timeout=1")


@pytest.fixture
def aim(common_aimed_relay: Relay) -> Iterator[Aim]:
    """Points a relay with `iflow_timeout=1` at a base URL."""

    def point(base_url: str) -> Relay:
        settings = {"apiKey": demo_package.KEY, "baseUrl": base_url, "modelName": "m"}
        common_aimed_relay.settings.write_text(json.dumps(settings))
        return common_aimed_relay

    yield point
    common_aimed_relay.check_log()


@pytest.fixture
def starter(tmp_path: Path, demo: Demo, decoy: Stub, authority: Path) -> Iterator[Starter]:
    """Starts relays and other programs that end with the test."""
    demo.clear()
    starter = Starter(tmp_path, demo, decoy, authority)
    yield starter
    starter.close()


@pytest.fixture
def start_relay(starter: Starter) -> StartRelay:
    """Starts a relay with options of the test's own, in front of the demo upstream."""
    return starter.start


@pytest.fixture(scope="session")
def common_sinkhole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sinkhole]:
    """One for all tests."""
    site = make_site(tmp_path_factory.mktemp("sinkhole"), "api.openai.com")
    with stub(tls=site.context) as server:
        yield Sinkhole(server, site.authority)


@pytest.fixture
def sinkhole(common_sinkhole: Sinkhole) -> Iterator[Sinkhole]:
    """The same; the test fails in which somebody connects."""
    before = common_sinkhole.stub.connections
    yield common_sinkhole
    assert common_sinkhole.stub.connections == before, "api.openai.com was called"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileSite]:
    """A web site that is nobody's virtual host."""
    server = FileSite(tmp_path_factory.mktemp("site"))
    yield server
    server.close()


@pytest.fixture
def machine(starter: Starter, demo: Demo, sinkhole: Sinkhole, site: FileSite) -> Machine:
    """A home without a relay, whose programs find the sinkhole at api.openai.com."""
    return make_machine(starter, demo, sinkhole, site)


@pytest.fixture(scope="session")
def common_served(
    lasting: Starter, demo: Demo, common_sinkhole: Sinkhole, site: FileSite
) -> Served:
    """The one of most tests."""
    machine = make_machine(lasting, demo, common_sinkhole, site)
    return Served(machine, lasting.keep(machine.intercept(*sets(LIKE_IFLOW))))


@pytest.fixture
def served(common_served: Served, sinkhole: Sinkhole, demo: Demo) -> Iterator[Served]:
    """A home in which `iflow-relay intercept` runs, in front of the demo upstream."""
    demo.clear()
    yield common_served
    common_served.machine.write_settings()
    common_served.relay.check_log()


def make_machine(starter: Starter, demo: Demo, sinkhole: Sinkhole, site: FileSite) -> Machine:
    """A home of its own."""
    names = {"api.openai.com": sinkhole.stub.port, NAME: site.port}
    return Machine(starter.make_home(), demo.base_url, names)
