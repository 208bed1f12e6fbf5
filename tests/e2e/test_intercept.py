"""`iflow-relay intercept`: who finds it, what it says, and what it leaves behind."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.e2e.conftest import Starter
from tests.e2e.programs import CLI, Relay, free_port, make_environment, wait_until
from tests.unit.system_proxy.machine import GNOME, Machine


class Interception(Relay):
    """`iflow-relay intercept --demo` on free ports, and commands that run beside it."""

    environment: dict[str, str]

    def call(self, *arguments: str, status: int = 0) -> str:
        """What another command prints on stdout that ends with this status."""
        ended = subprocess.run(
            [*CLI, *arguments],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert ended.returncode == status, ended.stdout + ended.stderr
        return ended.stdout

    def status(self) -> dict[str, Any]:
        """What `status --json` says."""
        found: dict[str, Any] = json.loads(
            self.call("status", "--json", "--set", "iflow_api_key=x")
        )
        return found

    @property
    def notes(self) -> list[Path]:
        """The notes of relays in this home."""
        return list(self.home.rglob("running/*.json"))


def intercept(
    starter: Starter,
    *arguments: str,
    home: Path | None = None,
    extra: tuple[str, ...] = (),
    **variables: str,
) -> Interception:
    """Start one."""
    home = home or starter.make_home()
    port, proxy_port = free_port(), free_port()
    command = [*CLI, "intercept", "--demo", "--listen", str(port), "--proxy", str(proxy_port)]
    command += [*arguments, "--set", f"confdir={home.parent / 'conf'}"]
    command += ["--", *extra] if extra else []
    environment = make_environment(home, variables)
    relay = Interception(command, environment, home.parent, port=port, proxy_port=proxy_port)
    relay.environment = environment
    assert starter.keep(relay).wait_until_it_answers()
    return relay


def test_it_says_what_to_do_with_it(starter: Starter) -> None:
    """Each way to it in one line that can be copied."""
    relay = intercept(starter, "--host", "api.groq.com")
    relay.wait_for("Ctrl-C ends it.")
    for words in (
        f"http://127.0.0.1:{relay.proxy_port}, for iflow.internal, api.openai.com, api.groq.com",
        'eval "$(iflow-relay env)"',
        f"http://127.0.0.1:{relay.port}/proxy.pac",
        f"http://127.0.0.1:{relay.port}/v1",
    ):
        assert words in relay.log()


def test_the_endpoint_is_there_as_well(starter: Starter) -> None:
    """And the proxy answers the relay's own host without a certificate."""
    relay = intercept(starter)
    relay.check_it_serves()
    with httpx2.Client(proxy=relay.proxy_url, trust_env=False) as client:
        assert client.get("http://iflow.internal/v1/models").status_code == 200
    with httpx2.Client(trust_env=False) as client:
        assert client.get(f"{relay.proxy_url}/health").json()["service"] == "iflow-relay"


def test_status_knows_it_while_it_runs(starter: Starter) -> None:
    """With its addresses, its hosts and its counts; a relay that has ended is forgotten."""
    relay = intercept(starter)
    with relay.intercepted() as client:
        assert client.get("/models").status_code == 200
    [running] = relay.status()["running"]
    assert running["endpoint"] == f"http://127.0.0.1:{relay.port}"
    assert running["proxy"] == f"http://127.0.0.1:{relay.proxy_port}"
    assert running["hosts"] == ["iflow.internal", "api.openai.com"]
    assert running["health"]["connections"] == {"tunnelled": 0, "intercepted": 1}
    assert f"process {relay.process.pid}" in relay.call("status", "--set", "iflow_api_key=x")
    relay.interrupt()
    assert relay.wait() == 0
    assert relay.status()["running"] == []
    assert relay.notes == []


def test_one_that_was_killed_is_forgotten(starter: Starter) -> None:
    """Its note stays behind until somebody looks."""
    relay = intercept(starter)
    relay.process.kill()
    relay.wait()
    assert len(relay.notes) == 1
    assert relay.status()["running"] == []
    assert relay.notes == []


def test_mitmdump_is_found_as_well(starter: Starter) -> None:
    """Whichever program carries the relay."""
    relay = intercept(starter, extra=("-q",))
    wait_until(lambda: len(relay.status()["running"]) == 1, "the note of the relay")


def test_explain_knows_its_hosts(starter: Starter) -> None:
    """What it says is what the relay that runs would do."""
    relay = intercept(starter, "--host", "*.groq.com")
    assert "process" in relay.call("explain", "https://api.groq.com/v1/models")
    document = json.loads(relay.call("explain", "--json", "example.com", status=1))
    assert (document["intercepted"], document["goes_to"]) == (False, "example.com:443")


@pytest.mark.parametrize("host", ["10.0.0.1", "a.example:443", "https://a.example", "a.*.example"])
def test_a_host_that_is_none_is_refused(starter: Starter, host: str) -> None:
    """With the reason, before anything starts."""
    ended = subprocess.run(
        [*CLI, "intercept", "--host", host],
        env=make_environment(starter.make_home()),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert f"'{host}'" in ended.stderr
    assert "write a host name like api.example.com" in ended.stderr


def test_one_address_for_both_is_refused(starter: Starter) -> None:
    """An endpoint and a proxy each need their own."""
    port = str(free_port())
    ended = subprocess.run(
        [*CLI, "intercept", "--listen", port, "--proxy", port],
        env=make_environment(starter.make_home()),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert "one address" in ended.stderr


class Desktop:
    """A made-up GNOME."""

    def __init__(self, folder: Path) -> None:
        self.machine = Machine(folder / "bin", *GNOME, gsettings={"mode": "'manual'"})
        self.before = self.machine.state
        self.path = str(self.machine.path)


def test_the_systems_proxy_is_put_back_at_the_relays_end(starter: Starter, tmp_path: Path) -> None:
    """Without anybody's asking."""
    desktop = Desktop(tmp_path)
    relay = intercept(starter, PATH=desktop.path)
    relay.call("system-proxy", "on")
    assert desktop.machine.state != desktop.before
    relay.interrupt()
    assert relay.wait() == 0
    assert desktop.machine.state == desktop.before


def test_the_next_start_puts_back_what_a_killed_relay_left(
    starter: Starter, tmp_path: Path
) -> None:
    """And says so in one line."""
    desktop = Desktop(tmp_path)
    relay = intercept(starter, PATH=desktop.path)
    relay.call("system-proxy", "on")
    relay.process.send_signal(signal.SIGKILL)
    relay.wait()
    assert desktop.machine.state != desktop.before
    after = intercept(starter, home=relay.home, PATH=desktop.path)
    wait_until(lambda: desktop.machine.state == desktop.before, "the restored setting")
    after.wait_for("put back")
