"""The callback gets a port on loopback that is nobody else's, in both families."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from iflow_relay.errors import LoginRefused
from iflow_relay.login.ports import PORTS, listen


def has_ipv6() -> bool:
    """Whether there is a ::1 here."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")


@pytest.fixture
def pair() -> range:
    """Two ports side by side that are free."""
    for _ in range(100):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        with contextlib.suppress(OSError), taken(port), taken(port + 1):
            return range(port, port + 2)
    pytest.skip("no two free ports side by side")


@contextlib.contextmanager
def taken(port: int, host: str = "127.0.0.1") -> Iterator[None]:
    """Somebody else listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family):
        yield


@contextlib.contextmanager
def listening(environ: dict[str, str], ports: range) -> Iterator[list[tuple[str, int]]]:
    """Where it listens."""
    sockets = listen(environ, ports)
    try:
        yield [found.getsockname()[:2] for found in sockets]
    finally:
        for found in sockets:
            found.close()


def test_the_ports_are_those_that_the_service_knows() -> None:
    """11451 first, as the CLI's family of programs has it."""
    assert (PORTS[0], PORTS[-1]) == (11451, 11500)


@ipv6
def test_it_listens_in_both_families(pair: range) -> None:
    """On loopback alone: `localhost` may mean either."""
    with listening({}, pair) as places:
        assert places == [("127.0.0.1", pair[0]), ("::1", pair[0])]


def test_a_taken_port_is_passed_over(pair: range) -> None:
    """For the next."""
    with taken(pair[0]), listening({}, pair) as places:
        assert places[0] == ("127.0.0.1", pair[1])


@ipv6
def test_a_port_that_is_taken_in_the_other_family_is_passed_over(pair: range) -> None:
    """The browser might bring the code to whoever has it."""
    with taken(pair[0], "::1"), listening({}, pair) as places:
        assert {port for _, port in places} == {pair[1]}


def test_a_port_of_everybodys_is_passed_over(pair: range) -> None:
    """Who listens on all addresses listens on loopback too."""
    with taken(pair[0], "0.0.0.0"), listening({}, pair) as places:  # noqa: S104 - what is shown
        assert places[0] == ("127.0.0.1", pair[1])


def test_without_a_free_port_it_is_said_what_to_do(pair: range) -> None:
    """The login can go on without one."""
    with taken(pair[0]), taken(pair[1]), pytest.raises(LoginRefused) as caught:
        listen({}, pair)
    assert caught.value.code == "no_callback_port"
    assert "--no-browser" in caught.value.message
    assert f"{pair[0]} to {pair[1]}" in caught.value.message


def test_nothing_stays_open_where_no_port_is_free(pair: range) -> None:
    """A port that was tried can be had at once."""
    with taken(pair[1]):
        with taken(pair[0]), pytest.raises(LoginRefused):
            listen({}, pair)
        with listening({}, pair) as places:
            assert places[0][1] == pair[0]


def test_the_clis_own_variable_comes_first(pair: range) -> None:
    """Where its port is taken, the usual ones follow."""
    wanted = {"OAUTH_CALLBACK_PORT": f" {pair[1]} "}
    with listening(wanted, range(pair[0], pair[1])) as places:
        assert places[0][1] == pair[1]
    with taken(pair[1]), listening(wanted, range(pair[0], pair[1])) as places:
        assert places[0][1] == pair[0]


@pytest.mark.parametrize("text", ["x", "0", "-1", "65536", "9" * 5000, "1.5"])
def test_a_variable_that_is_no_port_is_refused(text: str) -> None:
    """It was meant, so it is not passed over."""
    with pytest.raises(LoginRefused, match="OAUTH_CALLBACK_PORT is no port"):
        listen({"OAUTH_CALLBACK_PORT": text})


def test_an_empty_variable_is_none(pair: range) -> None:
    """As the shell leaves it."""
    with listening({"OAUTH_CALLBACK_PORT": ""}, pair) as places:
        assert places[0][1] == pair[0]
