"""The browser brings the code to a listener on loopback, which takes it from nobody else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from tests.e2e.oauth_service import OAuthService, follow
from tests.e2e.programs import free_port, wait_until

from iflow_relay.credential import Secret, parse_base_url
from iflow_relay.errors import LoginRefused
from iflow_relay.exchange import redeem
from iflow_relay.login.callback import MAX_CONNECTIONS, MAX_HEAD, Callback
from iflow_relay.login.oauth import OAuthLogin, write_oauth_login
from iflow_relay.login.ports import PORTS
from iflow_relay.oauth import CLIENT_ID, OAuthClient

CLIENT = OAuthClient(parse_base_url("https://iflow.cn"), CLIENT_ID, Secret("made-up-secret"))


class Clock:
    """A clock that stands still until it is moved; seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Waiting:
    """A login that waits for its callback in a thread, and what a browser does meanwhile."""

    def __init__(self, callback: Callback, clock: Clock, executor: ThreadPoolExecutor) -> None:
        self.clock = clock
        self.login = OAuthLogin(CLIENT, callback.redirect, clock=clock)
        self.redirect = callback.redirect
        self.code: Future[Secret] = executor.submit(callback.wait, self.login)
        self.port = urlsplit(callback.redirect).port or 0
        self.good = f"{self.redirect}?code=abc&state={self.login.state}"

    def get(self, query: str, **fields: str) -> tuple[int, str]:
        """What the browser shows; `STATE` in the query stands for the right one."""
        query = query.replace("STATE", self.login.state)
        return follow(f"{self.redirect}?{query}", **fields)

    def refusal(self) -> str:
        """The code of the refusal that the wait has ended with."""
        with pytest.raises(LoginRefused) as caught:
            self.code.result(5)
        return caught.value.code

    def raw(self, data: bytes) -> bytes:
        """All that comes back for these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(data)
            pieces = list(iter(lambda: connection.recv(65536), b""))
        return b"".join(pieces)


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    """A login that waits."""
    with ThreadPoolExecutor(1) as executor, on_a_free_port() as callback:
        waiting = Waiting(callback, Clock(), executor)
        yield waiting
        waiting.clock.now = 1e9  # ends the wait of those that had no answer


def on_a_free_port() -> Callback:
    """A listener that is in nobody's way."""
    return Callback({"OAUTH_CALLBACK_PORT": str(free_port())})


def test_the_browser_brings_the_code(waiting: Waiting) -> None:
    """It is told that the login has arrived, and that the tab can be closed."""
    status, page = waiting.get("code=abc&state=STATE")
    assert waiting.code.result(1) == Secret("abc")
    assert status == 200
    assert "The login has arrived" in page
    assert "You can close this tab" in page


def test_a_whole_login_goes_through(tmp_path: Path) -> None:
    """From the service's page to settings.json, over real sockets."""
    path = tmp_path / "settings.json"
    with OAuthService() as service, on_a_free_port() as callback, ThreadPoolExecutor(1) as executor:
        client = OAuthClient(parse_base_url(service.url), CLIENT_ID, Secret(service.secret))
        login = OAuthLogin(client, callback.redirect)
        brought = executor.submit(lambda: follow(service.authorize(login.url)))
        code = callback.wait(login)
        assert brought.result(5)[0] == 200
        write_oauth_login(path, redeem(client, code, login.redirect))
        assert service.key in path.read_text()
        assert service.complaints == []


def test_it_speaks_chinese_to_a_browser_that_does(waiting: Waiting) -> None:
    """As its fields say."""
    _, page = waiting.get("code=abc&state=STATE", **{"Accept-Language": "zh-CN,zh;q=0.9"})
    assert '<html lang="zh-Hans">' in page
    assert "现在可以关闭此标签页" in page


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("code=abc", "This is not the login that was begun"),
        ("code=abc&state=", "This is not the login that was begun"),
        ("code=abc&state=foreign", "This is not the login that was begun"),
        ("error=access_denied", "This is not the login that was begun"),
        ("error=access_denied&state=foreign", "This is not the login that was begun"),
        ("", "This is not the login that was begun"),
    ],
)
def test_what_is_not_of_this_login_changes_nothing(
    waiting: Waiting, query: str, title: str
) -> None:
    """It is told so, and the wait goes on."""
    status, page = waiting.get(query)
    assert status == 400
    assert title in page
    assert not waiting.code.done()
    waiting.get("code=right&state=STATE")
    assert waiting.code.result(1) == Secret("right")


@pytest.mark.parametrize(
    ("query", "code", "title"),
    [
        ("error=access_denied&state=STATE", "access_denied", "The login was denied"),
        ("error=server_error&state=STATE", "login_refused", "The login did not succeed"),
        ("state=STATE", "login_refused", "The login did not succeed"),
    ],
)
def test_a_no_ends_the_wait(waiting: Waiting, query: str, code: str, title: str) -> None:
    """The page says so; a yes that comes after it finds nobody."""
    status, page = waiting.get(query)
    assert (status, title in page) == (400, True)
    assert waiting.refusal() == code
    assert title in waiting.get("code=abc&state=STATE")[1]


def test_a_second_callback_is_told_that_all_is_done(waiting: Waiting) -> None:
    """As a browser does that loads its tabs again."""
    waiting.get("code=abc&state=STATE")
    for query in ("code=abc&state=STATE", "error=access_denied&state=STATE"):
        status, page = waiting.get(query)
        assert (status, "already done" in page) == (200, True)
    assert waiting.code.result(1) == Secret("abc")


def test_after_five_minutes_it_gives_up(waiting: Waiting) -> None:
    """By itself; what comes later is told so."""
    waiting.clock.now = 299.9
    assert waiting.get("code=abc&state=foreign")[0] == 400
    assert not waiting.code.done()
    waiting.clock.now = 300
    assert waiting.refusal() == "login_expired"
    status, page = waiting.get("code=abc&state=STATE")
    assert (status, "too late" in page) == (400, True)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "OPTIONS"])
def test_only_a_get_brings_the_code(waiting: Waiting, method: str) -> None:
    """Programs that look at links beforehand ask with HEAD."""
    answer = httpx2.request(method, waiting.good, trust_env=False)
    assert answer.status_code == 404
    assert not waiting.code.done()
    waiting.get("code=abc&state=STATE")
    assert waiting.code.result(1) == Secret("abc")


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/oauth2callback/", "/OAuth2Callback", "//"])
def test_nothing_else_is_there(waiting: Waiting, path: str) -> None:
    """A browser asks for a favicon by itself."""
    address = waiting.good.replace("/oauth2callback", path)
    assert follow(address)[0] == 404
    assert not waiting.code.done()


@pytest.mark.parametrize(
    "host", ["example.com", "localhost.example.com:11451", "192.168.1.2", "", "[::1"]
)
def test_a_foreign_name_is_not_answered(waiting: Waiting, host: str) -> None:
    """Its owner can make it lead here, and then read what comes back."""
    status, page = waiting.get("code=abc&state=STATE", Host=host)
    assert (status, "not allowed" in page) == (403, True)
    assert not waiting.code.done()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_every_loopback_name_is(waiting: Waiting, host: str) -> None:
    """With its port."""
    assert waiting.get("code=abc&state=STATE", Host=f"{host}:{waiting.port}")[0] == 200


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /oauth2callback\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET http://example.com/oauth2callback HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\xff\x00 /oauth2callback?\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_is_no_request_is_answered_and_forgotten(waiting: Waiting, data: bytes) -> None:
    """It may be anybody's."""
    assert waiting.raw(data).startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 404 "))
    assert not waiting.code.done()


def test_a_request_without_an_end_is_hung_up_on(waiting: Waiting) -> None:
    """Nobody needs more for an address."""
    with pytest.raises(OSError, match=r"reset|[Bb]roken|abort"):
        waiting.raw(b"GET /" + b"x" * (16 * MAX_HEAD))
    assert waiting.get("code=abc&state=STATE")[0] == 200


def test_large_cookies_are_no_hindrance(waiting: Waiting) -> None:
    """Those for localhost come from every program that was ever there."""
    assert waiting.get("code=abc&state=STATE", Cookie="x" * (MAX_HEAD - 4096))[0] == 200


def test_silent_connections_do_not_stand_in_the_way(waiting: Waiting) -> None:
    """Browsers open some beforehand, and the end does not wait for them."""
    silent = [socket.create_connection(("127.0.0.1", waiting.port)) for _ in range(8)]
    assert waiting.get("code=abc&state=STATE")[0] == 200
    assert waiting.code.result(1) == Secret("abc")
    for connection in silent:
        connection.close()


def test_more_connections_than_any_browser_has_are_closed(waiting: Waiting) -> None:
    """Those that were there are served on."""
    address = ("127.0.0.1", waiting.port)
    silent = [socket.create_connection(address, timeout=5) for _ in range(MAX_CONNECTIONS)]
    try:
        ended = waiting.raw(b"")
        assert ended == b""
        silent[0].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert silent[0].recv(65536).startswith(b"HTTP/1.1 404 ")
    finally:
        for connection in silent:
            connection.close()


def test_the_page_has_arrived_when_the_wait_ends() -> None:
    """Whole, even where the listener is closed the moment after."""
    with ThreadPoolExecutor(1) as executor:
        with on_a_free_port() as callback:
            login = OAuthLogin(CLIENT, callback.redirect)
            url = f"{callback.redirect}?code=abc&state={login.state}"
            page = executor.submit(follow, url)
            callback.wait(login)
            begun = time.monotonic()
        assert time.monotonic() - begun < 1
        assert page.result(5)[1].endswith("</html>\n")


def test_a_callback_may_come_before_anybody_waits() -> None:
    """A browser can be faster than the program that opened it."""
    with on_a_free_port() as callback, ThreadPoolExecutor(1) as executor:
        login = OAuthLogin(CLIENT, callback.redirect)
        url = f"{callback.redirect}?code=abc&state={login.state}"
        port = urlsplit(url).port or 0
        page = executor.submit(follow, url)
        wait_until(lambda: is_connected(port), "the browser's connection")
        assert callback.wait(login) == Secret("abc")
        assert page.result(5)[0] == 200


def is_connected(port: int) -> bool:
    """Whether somebody has a connection to a port of this machine."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        return True
    tables = [table, table.with_name("tcp6")]
    lines = [line.split() for found in tables for line in found.read_text().splitlines()[1:]]
    return any(line[1].endswith(f":{port:04X}") and line[3] == "01" for line in lines)


def pressing_ctrl_c() -> Callable[[], float]:
    """A clock at which somebody presses Ctrl-C, at the second look."""
    looks = iter([0.0])

    def clock() -> float:
        for look in looks:
            return look
        raise KeyboardInterrupt

    return clock


def wait_with(callback: Callback, clock: Callable[[], float]) -> Secret:
    """Wait by this clock, and close the listener."""
    with callback:
        return callback.wait(OAuthLogin(CLIENT, callback.redirect, clock=clock))


def test_an_interrupted_wait_leaves_nothing_behind() -> None:
    """The port can be had again, and no thread is left."""
    before = set(threading.enumerate())
    callback = on_a_free_port()
    with pytest.raises(KeyboardInterrupt):
        wait_with(callback, pressing_ctrl_c())
    port = urlsplit(callback.redirect).port or 0
    assert set(threading.enumerate()) <= before
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_it_takes_the_next_port_where_the_first_is_taken() -> None:
    """The redirect names the one that it has."""
    with Callback({}) as first, Callback({}) as second:
        ports = [urlsplit(callback.redirect).port for callback in (first, second)]
        assert all(port in PORTS for port in ports)
        assert ports[0] != ports[1]
        for callback, port in zip((first, second), ports, strict=True):
            assert callback.redirect == f"http://localhost:{port}/oauth2callback"
