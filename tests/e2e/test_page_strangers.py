"""A foreign page in the same Chromium: it reads nothing, changes nothing, and spends nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest
from playwright.sync_api import expect
from tests.e2e.browser import OpenVisit, Visit
from tests.e2e.browser import chromium as chromium
from tests.e2e.browser import visit as visit
from tests.e2e.page_relay import page_of, state_of
from tests.e2e.programs import Relay, wait_until
from tests.e2e.servers import Demo, read_request, stub

from iflow_relay import mark

EXPECTED = (r"blocked by CORS policy", r"net::ERR_", r"status of 40\d ", r"Framing '")

SAY = """async ([relay, tries]) => {
  const said = [];
  for (const [path, options] of tries) {
    try {
      const answer = await fetch(relay + path, options);
      said.push(answer.type + " " + (await answer.text()));
    } catch {
      said.push("nothing");
    }
  }
  return said;
}"""
"""What a page gets to see of each of its tries; an opaque answer is empty."""

JSON = {"Content-Type": "application/json", "X-Relay-Token": "a-guess"}
THEIRS = '{"key": "sk-theirs", "base_url": "http://127.0.0.1:9/v1", "check": false}'
CHAT = '{"model": "glm-4.7", "messages": [{"role": "user", "content": "hello"}]}'


class Site:
    """A site of somebody else's, and the requests that reached it, each by its first line."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.port = 0

    def __call__(self, connection: socket.socket) -> None:
        page = b"<!doctype html><title>foreign</title><h1>A foreign page</h1>"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"
        while request := read_request(connection):
            self.lines.append(request.split(b"\r\n", 1)[0].decode())
            connection.sendall(head % len(page) + page)


class Attack(NamedTuple):
    """A foreign page, the relay that it is after, and another server, which lets it do anything."""

    visit: Visit
    relay: str
    control: Site

    @property
    def targets(self) -> tuple[str, str]:
        """Both, without a slash at the end."""
        return self.relay.rstrip("/"), f"http://127.0.0.1:{self.control.port}"

    def say(self, *tries: tuple[str, Mapping[str, object]]) -> list[str]:
        """What the page sees of the relay's answers; the other server gets the same requests."""
        found: list[str] = []
        for target in reversed(self.targets):
            found = self.visit.page.evaluate(SAY, [target, [list(one) for one in tries]])
        return found

    def do(self, script: str) -> None:
        """Have the page run a function of a target, for both of them."""
        for target in self.targets:
            self.visit.page.evaluate(script, target)

    def wait_for(self, line: str) -> None:
        """Return once the request, as a first line, has come to the other server."""
        wait_until(lambda: line in self.control.lines, line)


@pytest.fixture(params=["localhost", "foreign.test"])
def host(request: pytest.FixtureRequest) -> str:
    """Where the foreign page is: on this machine, or anywhere."""
    return str(request.param)


@pytest.fixture
def attack(visit: OpenVisit, relay: Relay, host: str) -> Iterator[Attack]:
    """A foreign page that is open beside the relay's."""
    foreign, control = Site(), Site()
    with stub(foreign) as server, stub(control) as other:
        control.port = other.port
        there = visit(f"http://{host}:{server.port}/")
        there.tolerate(*EXPECTED)
        before = relay.settings.read_bytes()
        settings = json.loads(before)
        # As a login leaves it, so that there is something to be logged out of.
        marked = json.dumps(settings | {mark.MEMBER: mark.mark(settings)}).encode()
        relay.settings.write_bytes(marked)
        yield Attack(there, page_of(relay), control)
        there.page.goto("about:blank")
        after = relay.settings.read_bytes()
        relay.settings.write_bytes(before)
        assert after == marked


def post(body: str, **options: object) -> dict[str, object]:
    """A POST request's options."""
    return {"method": "POST", "body": body, **options}


def test_it_reads_neither_the_page_nor_the_state(attack: Attack) -> None:
    """Neither with the answer to be read nor without; with a guessed token no better."""
    blind = {"mode": "no-cors"}
    said = attack.say(
        ("/", {}),
        ("/", blind),
        ("/ui/state", {}),
        ("/ui/state", blind),
        ("/ui/state", {"headers": JSON}),
        ("/ui/state", {"credentials": "include"}),
        ("/ui/page.js", blind),
    )
    assert set(said) <= {"nothing", "opaque "}
    attack.wait_for("GET /ui/state HTTP/1.1")


def test_it_neither_logs_in_nor_out(attack: Attack, visit: OpenVisit) -> None:
    """Whatever it calls its body; the relay's own page goes on as before."""
    blind = {"mode": "no-cors"}
    said = attack.say(
        ("/ui/login/key", post(THEIRS, headers=JSON)),
        ("/ui/login/key", post(THEIRS, **blind)),
        ("/ui/login/oauth", post("{}", **blind)),
        ("/ui/logout", post("{}", headers=JSON)),
        ("/ui/logout", post("{}", **blind)),
    )
    assert set(said) <= {"nothing", "opaque "}
    attack.wait_for("POST /ui/logout HTTP/1.1")
    expect(state_of(visit(attack.relay))).to_contain_text("Working")


FORM = """target => new Promise(done => {
  const frame = document.createElement("iframe");
  frame.name = "answer" + document.querySelectorAll("iframe").length;
  const form = document.createElement("form");
  form.method = "post";
  form.enctype = "text/plain";
  form.action = target + "/ui/login/key";
  form.target = frame.name;
  const field = document.createElement("input");
  field.name = THEIRS.slice(0, -1) + ', "more": "';
  field.value = '"}';
  form.append(field);
  document.body.append(frame, form);
  frame.addEventListener("load", done);
  form.submit();
})""".replace("THEIRS", repr(THEIRS))
"""Posts what can be read as a JSON object; done when the answer is in the frame."""


def test_it_does_not_log_in_by_a_form(attack: Attack) -> None:
    """Forms ask for no permission before they are sent."""
    attack.do(FORM)
    attack.wait_for("POST /ui/login/key HTTP/1.1")


FRAME = """target => new Promise(done => {
  const frame = document.createElement("iframe");
  frame.addEventListener("load", done);
  frame.src = target + "/";
  document.body.append(frame);
})"""


def test_it_does_not_frame_the_page(attack: Attack) -> None:
    """A frame of the other server's page is there; where the relay's would be, there is nothing."""
    attack.do(FRAME)
    frames = attack.visit.page.frames[1:]
    shown = [frame.locator("h1").all_text_contents() for frame in frames]
    assert len(shown) == 2
    assert ["A foreign page"] in shown
    assert ["iflow-relay"] not in shown


SPEND = """async target => {
  const load = (name, path) => new Promise(done => {
    const element = document.createElement(name);
    element.onload = element.onerror = done;
    element.src = target + path;
    document.body.append(element);
  });
  await load("img", "/v1/anything");
  await load("script", "/v1/anything.js");
  await load("iframe", "/v1/anything.html");
  navigator.sendBeacon(target + "/v1/chat/completions", BODY);
}""".replace("BODY", repr(CHAT))


@pytest.mark.parametrize("host", ["foreign.test"], indirect=True)
def test_it_does_not_spend_the_quota(attack: Attack, demo: Demo) -> None:
    """By fetch, image, script, frame, beacon: nothing of it comes to the upstream.

    Pages on this machine may call the API: that is what `iflow_cors_origins` is by default.
    """
    said = attack.say(
        ("/v1/chat/completions", post(CHAT, headers={"Content-Type": "application/json"})),
        ("/v1/chat/completions", post(CHAT, mode="no-cors")),
        ("/v1/models", {}),
        ("/v1/anything", {"mode": "no-cors"}),
    )
    assert set(said) <= {"nothing", "opaque "}
    attack.do(SPEND)
    for line in ("GET /v1/anything", "GET /v1/anything.js", "GET /v1/anything.html"):
        attack.wait_for(f"{line} HTTP/1.1")
    attack.wait_for("POST /v1/chat/completions HTTP/1.1")
    # The relay's own page is asked last, so that what was sent before has been answered.
    attack.visit.page.goto(attack.relay)
    expect(state_of(attack.visit)).to_contain_text("Working")
    assert demo.requests() == []


def test_a_name_that_is_made_to_mean_this_machine_is_refused(
    visit: OpenVisit, relay: Relay
) -> None:
    """DNS rebinding: to the browser the foreign page and the relay would be one origin."""
    there = visit("about:blank")
    there.tolerate(*EXPECTED)
    answer = there.page.goto(f"http://rebound.test:{relay.port}/")
    assert answer is not None
    assert answer.status == 403
    assert answer.json()["error"]["code"] == "forbidden_host"
    said = there.page.evaluate("fetch('/ui/state').then(answer => answer.status)")
    assert said == 403


def test_a_link_from_elsewhere_leads_to_the_page(attack: Attack) -> None:
    """The whole tab may go there: the page is then in nobody's hands but its own."""
    attack.visit.page.evaluate("relay => { location.href = relay; }", attack.relay)
    expect(state_of(attack.visit)).to_contain_text("Working")
