"""Whose key goes where: the client's nowhere, ours to the upstream alone, neither on record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.e2e.asking import chat
from tests.e2e.conftest import LIKE_IFLOW, StartRelay
from tests.e2e.programs import CLIENT_KEY, HELLO, Relay, free_port, wait_until
from tests.e2e.servers import Demo, replies, stub

from iflow_relay.demo import KEY

MASK = "sk-…cdef"

FOREIGN = {
    "Authorization": f"Bearer {CLIENT_KEY}",
    "x-api-key": CLIENT_KEY,
    "api-key": CLIENT_KEY,
    "x-goog-api-key": CLIENT_KEY,
    "OpenAI-Organization": "org-client",
    "OpenAI-Project": "proj-client",
    "Cookie": "session=client",
    "Proxy-Authorization": "Basic Y2xpZW50OmNsaWVudA==",
    "Origin": "http://localhost:3000",
    "Referer": "http://localhost:3000/secret",
    "Connection": "keep-alive, X-Hop",
    "X-Hop": "one connection's own",
    "TE": "trailers",
    "Accept-Encoding": "gzip",
}


@pytest.mark.parametrize("listener", ["reverse", "http2", "plain"])
@pytest.mark.parametrize("path", ["/chat/completions", "/embeddings"])
def test_nothing_of_the_clients_credentials_reaches_the_upstream(
    relay: Relay, demo: Demo, listener: str, path: str
) -> None:
    """Ours stands in their place; the client's other headers pass."""
    clients = {
        "reverse": relay.client(),
        "http2": relay.intercepted(),
        "plain": relay.intercepted("http://iflow.internal/v1"),
    }
    sent = FOREIGN | {"X-Trace": "kept"}
    if listener == "http2":
        sent = {name: sent[name] for name in sent if name not in ("Connection", "X-Hop")}
    with clients[listener] as client:
        client.post(path, json=HELLO | {"input": "x"}, headers=sent).raise_for_status()
    [entry] = demo.requests()
    got = {name.lower(): value for name, value in entry["headers"]}
    assert got["authorization"] == f"Bearer {KEY}"
    assert got["accept-encoding"] == "identity"
    assert got["x-trace"] == "kept"
    assert got["host"] == f"127.0.0.1:{demo.port}"
    assert set(got) & {n.lower() for n in FOREIGN} == {"authorization", "accept-encoding"}
    assert "client" not in json.dumps({n: v for n, v in got.items() if n != "user-agent"})
    assert len(entry["headers"]) == len(got)


@pytest.mark.parametrize("place", ["x-api-key", "api-key", "Authorization"])
def test_a_key_in_any_place_is_dropped_from_any_answer(relay: Relay, place: str) -> None:
    """Not even an error says the client's key back."""
    with relay.client() as client:
        sent = {place: CLIENT_KEY}
        for path in ("/nowhere", "/models/none", "/chat/completions"):
            answer = client.post(path, content=b"no", headers=sent)
            assert CLIENT_KEY not in answer.text + str(answer.headers)
            assert KEY not in answer.text + str(answer.headers)


UPSTREAM_COOKIES = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n"
    b"Set-Cookie: a=b\r\nAlt-Svc: h3=\":443\"\r\nStrict-Transport-Security: max-age=9\r\n"
    b"Access-Control-Allow-Origin: *\r\nX-Request-Id: 7\r\n\r\n"
    b'{"choices":[{"message":{}}]}'
).replace(b"27", b"28")  # fmt: skip


def test_what_speaks_for_the_upstreams_host_stays_there(start_relay: StartRelay) -> None:
    """Cookies, HSTS and CORS of a host that the client never talked to are dropped."""

    with stub(replies(UPSTREAM_COOKIES)) as upstream:
        relay = start_relay(settings={"apiKey": KEY, "baseUrl": upstream.base_url})
        with relay.client() as client:
            answer = client.post("/chat/completions", json=HELLO)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-request-id"] == "7"
    gone = {"set-cookie", "alt-svc", "strict-transport-security", "access-control-allow-origin"}
    assert not gone & set(answer.headers)


@pytest.mark.parametrize(
    ("rule", "got"),
    [("auto", "my-app/1.0"), ("client", "my-app/1.0"), ("Mine/2 (x)", "Mine/2 (x)")],
)
def test_the_user_agent_follows_its_rule(
    start_relay: StartRelay, demo: Demo, rule: str, got: str
) -> None:
    """To a host that is not iFlow's, `auto` leaves the client's own."""
    relay = start_relay(f"iflow_user_agent={rule}", "iflow_models=builtin")
    with relay.client() as client:
        chat(client, headers={"User-Agent": "my-app/1.0"})
    assert demo.headers()["user-agent"] == got


FOREIGN_KEYS = {name: FOREIGN[name] for name in ("Authorization", "x-api-key", "api-key", "Cookie")}
SECRETS = (KEY, CLIENT_KEY, "session=client")


def find_secrets(folder: Path) -> list[str]:
    """Where on record a secret stands."""
    found = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    places = [found.find(secret.encode()) for secret in SECRETS]
    return [found[max(0, p - 60) : p + 40].decode("utf-8", "replace") for p in places if p >= 0]


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A folder for flow files and exports."""
    folder = tmp_path / "records"
    folder.mkdir()
    return folder


def start_recording(start_relay: StartRelay, records: Path, *options: str) -> Relay:
    """A relay that writes down all it sees, as it ends and at its own end."""
    har = f"hardump={records / 'calls.har'}"
    arguments = ["-w", str(records / "calls.flow")]
    return start_relay(*LIKE_IFLOW, "iflow_timeout=1", har, *options, arguments=arguments)


def test_no_record_holds_a_key(start_relay: StartRelay, records: Path) -> None:
    """Flow file and HAR, of good calls, failed ones, and one that was cut short at the end."""
    relay = start_recording(start_relay, records)
    with relay.client() as client, relay.intercepted() as other:
        for fault in ("", "status=500", "in200=434", "echo-key", "close", "cut", "redirect"):
            for stream in (False, True):
                chat(client, fault, stream=stream, headers=FOREIGN_KEYS)
                chat(other, fault, stream=stream, headers=FOREIGN_KEYS)
                assert find_secrets(records) == []
        chat(client, "silence-head", headers=FOREIGN_KEYS)
        client.post("/embeddings", json={"model": "x", "input": "y"}, headers=FOREIGN_KEYS)
        sent = FOREIGN_KEYS | {"x-demo": "pause=0.5, words=100"}
        body = HELLO | {"stream": True}
        with client.stream("POST", "/chat/completions", json=body, headers=sent) as answer:
            next(answer.iter_raw())
            relay.interrupt()
            assert relay.wait() == 0
    assert find_secrets(records) == []
    flows, har = ((records / name).read_bytes() for name in ("calls.flow", "calls.har"))
    assert b"pause=0.5" in flows
    assert b"pause=0.5" in har
    assert flows.count(f"Bearer {MASK}".encode()) >= 30
    assert har.count(f"Bearer {MASK}".encode("ascii", "backslashreplace")) >= 30


REFUSED = {
    "a body that is no JSON": ("POST", "/chat/completions", {}, b"no"),
    "a path that is none": ("POST", "/../nowhere", {}, b""),
    "a foreign page": ("GET", "/models", {"Origin": "https://evil.example"}, b""),
    "a wrong name": ("GET", "/models", {"Host": "evil.example"}, b""),
    "the list of models": ("GET", "/models", {}, b""),
    "the health": ("GET", "/health", {}, b""),
    "a preflight": ("OPTIONS", "/models", {"Origin": "http://localhost:3000"}, b""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_no_record_of_a_call_that_the_relay_answers_holds_a_key(
    start_relay: StartRelay, records: Path, name: str
) -> None:
    """An app's own key, which may be one for OpenAI, is written down nowhere."""
    method, path, headers, body = REFUSED[name]
    relay = start_recording(start_relay, records)
    with relay.client() as client:
        client.request(method, path, headers=FOREIGN_KEYS | headers, content=body)
    relay.interrupt()
    assert relay.wait() == 0
    assert find_secrets(records) == []
    assert path.rpartition("/")[2].encode() in (records / "calls.flow").read_bytes()


def test_no_record_of_a_call_without_credentials_holds_a_key(
    start_relay: StartRelay, records: Path
) -> None:
    """A relay that is logged out, and one whose upstream is down."""
    relay = start_recording(start_relay, records)
    settings = relay.settings.read_bytes()
    with relay.client() as client:
        relay.settings.unlink()
        assert chat(client, headers=FOREIGN_KEYS).status == 401
        nobody = {"apiKey": KEY, "baseUrl": f"http://127.0.0.1:{free_port()}/v1"}
        relay.settings.write_text(json.dumps(nobody))
        assert chat(client, headers=FOREIGN_KEYS).status == 502
        relay.settings.write_bytes(settings)
    relay.interrupt()
    assert relay.wait() == 0
    assert find_secrets(records) == []


def test_keys_are_on_record_where_they_are_asked_for(
    start_relay: StartRelay, tmp_path: Path
) -> None:
    """`iflow_show_credentials` is for whoever debugs a key."""
    record = tmp_path / "calls.flow"
    relay = start_relay(*LIKE_IFLOW, "iflow_show_credentials=true", arguments=["-w", str(record)])
    with relay.client() as client:
        assert chat(client).status == 200
    wait_until(lambda: KEY.encode() in record.read_bytes(), "the key on record")
    assert CLIENT_KEY.encode() not in record.read_bytes()


@pytest.mark.parametrize("status", ["200", "204"])
def test_local_keys_never_reach_the_upstream(
    start_relay: StartRelay, demo: Demo, status: str
) -> None:
    """A key for the relay is not one for the upstream."""
    relay = start_relay(*LIKE_IFLOW, "iflow_local_keys=sk-local-0000111122223333")
    with relay.client() as client:
        sent = {"Authorization": "Bearer sk-local-0000111122223333"}
        answer = chat(client, f"status={status}" if status != "200" else "", headers=sent)
        assert answer.status == (200 if status == "200" else 502)
    assert "sk-local" not in json.dumps(demo.requests())
    relay.check_log(secrets=["sk-local-0000111122223333", KEY])


def test_our_key_follows_no_redirect(relay: Relay) -> None:
    """Where the upstream points elsewhere, the client is told, and nobody there is called."""
    with stub() as elsewhere:
        with relay.client() as client:
            told = chat(client, f"redirect={elsewhere.base_url}/chat/completions")
        assert told.status == 502
        assert elsewhere.base_url in told.error["message"]
        assert elsewhere.connections == 0
