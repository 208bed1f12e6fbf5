"""Where the proxy variables of a shell lead."""

from __future__ import annotations

import pytest
from tests.e2e.programs import free_port
from tests.e2e.servers import replies, stub
from tests.unit.doctor.test_relays import relay

from iflow_relay.doctor.shell import SET, UNSET, find_way
from iflow_relay.remembered import SET as OURS
from iflow_relay.routing import parse_host_pattern

HOSTS = tuple(map(parse_host_pattern, ("iflow.internal", "api.openai.com")))


def test_a_shell_without_a_proxy_goes_its_usual_way() -> None:
    """That is no fault."""
    verdict, through_relay = find_way({}, HOSTS)
    assert str(verdict.status) == "ok"
    assert not through_relay


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_shell_that_was_pointed_at_a_relay_is_known(name: str) -> None:
    """By what answers there, and not by a note."""
    with relay() as server:
        environ = {name: f"http://127.0.0.1:{server.port}", "NO_PROXY": "localhost,127.0.0.1"}
        verdict, through_relay = find_way(environ, HOSTS)
    assert str(verdict.status) == "ok"
    assert through_relay
    assert verdict.found.endswith(", a relay that answers")


def test_an_exception_that_leads_past_the_relay_is_a_warning() -> None:
    """The hosts are named."""
    with relay() as server:
        address = f"http://127.0.0.1:{server.port}"
        environ = {"HTTPS_PROXY": address, "NO_PROXY": "openai.com"}
        verdict, through_relay = find_way(environ, HOSTS)
    assert (str(verdict.status), verdict.advice) == ("warning", SET)
    assert "NO_PROXY leads calls to api.openai.com past the relay" in verdict.found
    assert not through_relay


@pytest.mark.parametrize(
    ("variables", "advice"), [({OURS: "HTTPS_PROXY"}, UNSET), ({}, "unset HTTPS_PROXY")]
)
def test_a_relay_that_has_gone_is_a_failure(variables: dict[str, str], advice: str) -> None:
    """Every call of such a shell fails."""
    environ = {"HTTPS_PROXY": f"http://127.0.0.1:{free_port()}", **variables}
    verdict, through_relay = find_way(environ, HOSTS)
    assert (str(verdict.status), verdict.advice) == ("failure", advice)
    assert not through_relay


def test_other_proxies_are_left_in_peace() -> None:
    """On this machine and elsewhere; their passwords are not shown."""
    with stub(replies(b"HTTP/1.1 400 X\r\n\r\n")) as server:
        here = find_way({"HTTPS_PROXY": f"http://127.0.0.1:{server.port}"}, HOSTS)
    there = find_way({"HTTPS_PROXY": "http://me:hunter2@proxy.example.com:3128"}, HOSTS)
    assert here.verdict.found.endswith(", which is no relay")
    assert there.verdict.found == "http://proxy.example.com:3128, which is not on this machine"
    assert not here.through_relay
    assert not there.through_relay


def test_a_proxy_that_cannot_be_read_is_a_warning() -> None:
    """A SOCKS proxy, say."""
    verdict, _ = find_way({"ALL_PROXY": "socks5://127.0.0.1:1080"}, HOSTS)
    assert str(verdict.status) == "warning"
    assert "socks5:// proxy cannot stand behind the relay" in verdict.found
