"""Whether the upstream can be reached, from the options to the last line."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.programs import free_port
from tests.e2e.servers import Demo, make_certificate, read_request, replies, stub
from tests.unit.doctor.reading import make_config, statuses

from iflow_relay.credential import parse_base_url
from iflow_relay.demo import KEY
from iflow_relay.doctor.reach import OTHER_PROXY
from iflow_relay.doctor.upstream import CLOSED, check_upstream, find_proxy
from iflow_relay.doctor.verdict import Verdict

URL = "https://api.example.com/v1"
REFUSES = replies(b"HTTP/1.1 403 Forbidden\r\n\r\n")


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The demo upstream."""
    server = Demo()
    yield server
    server.close()


def check(
    environ: dict[str, str] | None = None,
    *,
    live: bool = False,
    trusted: Path | None = None,
    **options: str,
) -> list[Verdict]:
    """All that is found."""

    def make_context() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(trusted)
        return context

    return list(check_upstream(make_config(**options), environ or {}, make_context, live=live))


def test_an_upstream_that_is_well_is_asked_nothing_that_costs(demo: Demo) -> None:
    """Without being told to."""
    demo.clear()
    found = check(base_url=demo.base_url, api_key=KEY)
    assert statuses(found) == [
        ("name", "ok"),
        ("connection", "ok"),
        ("TLS", "skipped"),
        ("answer", "ok"),
        ("live call", "skipped"),
    ]
    assert [(entry["method"], entry["path"]) for entry in demo.requests()] == [
        ("GET", "/v1/models")
    ]


def test_a_live_call_runs_on_the_default_model(demo: Demo) -> None:
    """The one that is named; without a name and a list there is none."""
    environ = {"IFLOW_MODEL_NAME": "qwen3-coder-plus"}
    found = check(environ, live=True, base_url=demo.base_url, api_key=KEY)
    assert statuses(found)[-1] == ("live call", "ok")
    found = check(live=True, base_url=demo.base_url, api_key=KEY)
    assert found[-1].found == "no model is named"


def test_without_a_name_the_first_listed_model_is_asked() -> None:
    """As many upstreams have but one."""
    asked: list[bytes] = []

    def play(connection: socket.socket) -> None:
        asked.append(read_request(connection))
        body = b'{"data":[{"id":"first"},{"id":"second"}],"choices":[{}]}'
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)

    with stub(play) as server:
        check(live=True, base_url=server.base_url)
    assert json.loads(asked[-1].partition(b"\r\n\r\n")[2])["model"] == "first"


def test_an_upstream_by_tls_is_verified_and_asked(tmp_path: Path) -> None:
    """Each step by itself, and then the call."""
    public, context = make_certificate(tmp_path)
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    with stub(replies(answer), tls=context) as server:
        found = check(trusted=public, base_url=server.base_url, api_key=KEY)
    assert [status for _, status in statuses(found)] == ["ok", "ok", "ok", "ok", "skipped"]


def test_an_upstream_that_is_not_there_is_not_asked() -> None:
    """The rest is not reached."""
    found = check(base_url=f"http://127.0.0.1:{free_port()}/v1")
    assert statuses(found) == [
        ("name", "ok"),
        ("connection", "failure"),
        ("TLS", "skipped"),
        ("answer", "skipped"),
    ]


def test_without_a_key_nobody_is_asked_for_anything() -> None:
    """But whether the upstream is there is still told."""
    with stub() as server:
        environ = {"http_proxy": f"http://127.0.0.1:{server.port}"}
        found = check(environ, base_url="http://api.example.com/v1")
    assert [status for _, status in statuses(found)] == ["ok", "ok", "warning", "skipped"]
    assert found[-1].found == "there is no key to ask with"


def test_without_a_base_url_there_is_nothing_to_look_for(tmp_path: Path) -> None:
    """The settings are broken, and that was said before."""
    settings = tmp_path / "settings.json"
    settings.write_text("{")
    assert statuses(check(settings=str(settings))) == [("upstream", "skipped")]
    settings.write_text('{"baseUrl": "x"}')
    assert statuses(check(settings=str(settings))) == [("upstream", "skipped")]


def test_that_iflows_own_service_has_closed_is_said() -> None:
    """Where it fails, and of no other upstream."""
    with stub(REFUSES) as server:
        environ = {"https_proxy": f"http://127.0.0.1:{server.port}", "IFLOW_API_KEY": KEY}
        found = check(environ)
        assert statuses(found)[1] == ("connection", "failure")
        assert found[1].advice == f"{OTHER_PROXY} {CLOSED}"
        assert check(environ, base_url=URL)[1].advice == OTHER_PROXY


def test_a_proxy_that_is_none_is_a_failure() -> None:
    """Without what it says: that may be a password."""
    [verdict] = check({"https_proxy": "ftp://me:pass@x"}, base_url=URL, api_key=KEY)
    assert statuses([verdict]) == [("name", "failure")]
    assert "pass" not in str(verdict)


def test_a_relay_is_no_proxy_behind_the_relay() -> None:
    """This shell may have been pointed at it."""
    health = b'{"service":"iflow-relay","status":"ok"}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(health) + health
    base = parse_base_url(URL)
    with stub(replies(answer)) as relay, stub(REFUSES) as other:
        ours, theirs = (f"http://127.0.0.1:{server.port}" for server in (relay, other))
        assert find_proxy("environment", {"https_proxy": ours}, base) is None
        assert str(find_proxy("environment", {"https_proxy": theirs}, base)) == theirs
        assert find_proxy("none", {"https_proxy": theirs}, base) is None
        assert str(find_proxy(theirs, {"https_proxy": ours}, base)) == theirs
