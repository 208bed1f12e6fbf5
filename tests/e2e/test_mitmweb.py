"""mitmweb in Chromium, with the relay in it: what people see of a call, and no key anywhere.

A picture of each sight is left with the test, or in the folder that TEST_PICTURES names.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from playwright.sync_api import Locator, Page, WebSocket, expect
from tests.e2e.browser import OpenVisit, Visit
from tests.e2e.browser import chromium as chromium
from tests.e2e.browser import visit as visit
from tests.e2e.conftest import StartRelay
from tests.e2e.programs import CLIENT_KEY, MODEL
from tests.e2e.test_chatview import WEATHER, Watched, unbroken, watching
from tests.e2e.test_chatview import watched as watched

from iflow_relay.demo import KEY

ASKED: list[ChatCompletionMessageParam] = [
    {
        "role": "system",
        "content": "You are a weather desk. Answer briefly, in the user's language.",
    },
    {"role": "user", "content": "Wie wird das Wetter an der 河流 morgen? 🌊"},
]
PROSE = f"{'Und wie wird es übermorgen, am Wochenende und in der Woche danach? ' * 4}\n\nDanke!"
TOOLS: list[ChatCompletionToolParam] = [WEATHER]


class Window:
    """mitmweb in a browser, and every frame that it was sent."""

    def __init__(self, visit: OpenVisit, watched: Watched, pictures: Path) -> None:
        self._pictures = pictures
        self.frames: list[str] = []
        self._sights: list[str] = []
        self.there: Visit = visit("about:blank", viewport={"width": 1440, "height": 900})
        self.page: Page = self.there.page
        self.page.on("websocket", self._listen)
        self.page.goto(f"{watched.web.base_url}/?token=pw")

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._note)
        socket.on("framesent", self._note)

    def _note(self, frame: str | bytes) -> None:
        self.frames.append(frame if isinstance(frame, str) else frame.decode("utf-8", "replace"))

    @property
    def calls(self) -> Locator:
        """The chats in the list."""
        return self.page.locator(".flow-table tbody tr", has_text="completions")

    def read(self, view: str) -> str:
        """What the view of this name shows."""
        expect(self.page.locator(".contentview h5")).to_have_text(view)
        lines = self.page.locator(".contentview pre > div")
        expect(lines.first).to_be_visible()
        self.page.locator(".contentview pre").scroll_into_view_if_needed()
        return "\n".join(lines.all_text_contents())

    def open(self, number: int, tab: str) -> None:
        """Show the flow of this number, and one side of it."""
        self.calls.nth(number).click()
        self.page.get_by_role("link", name=tab, exact=True).click()

    def take_picture(self, name: str) -> None:
        """Leave a picture of what the test sees."""
        self._sights.append(self.page.content())
        self.page.screenshot(path=self._pictures / f"{name}.png")

    def check(self) -> None:
        """Fail where what was shown, or was sent to be shown, holds a key.

        What mitmweb answered over HTTP is looked through when the visit ends.
        """
        assert any("completions" in frame for frame in self.frames)
        assert any("completions" in sight for sight in self._sights)
        seen = "".join((*self._sights, *self.frames))
        assert KEY not in seen
        assert CLIENT_KEY not in seen


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures go."""
    folder = Path(os.environ.get("TEST_PICTURES") or tmp_path / "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def ask(watched: Watched, **more: Any) -> Any:
    """What the official SDK makes of a streamed chat with a tool."""
    with (
        watched.relay.openai() as client,
        client.chat.completions.stream(
            **{
                "model": MODEL,
                "messages": ASKED,
                "tools": TOOLS,
                "temperature": 0.2,
                "stream_options": {"include_usage": True},
                **more,
            }
        ) as stream,
    ):
        return stream.get_final_completion().choices[0]


def test_a_streamed_chat_that_calls_a_tool_can_be_read(
    visit: OpenVisit, watched: Watched, pictures: Path
) -> None:
    """A line in the list; the call rebuilt as the SDK has it; the request, once it is opened."""
    window = Window(visit, watched, pictures)
    final = ask(watched)
    [call] = final.message.tool_calls
    line = re.compile(r"qwen3-coder-plus · stream · \d+→\d+ tok · ttft [\d.]+ s · .*tool_calls")
    expect(window.calls.locator(".col-comment")).to_have_text(line)
    window.take_picture("list")
    window.open(0, "Response")
    shown = window.read("LLM chat")
    arguments = json.dumps(json.loads(call.function.arguments), ensure_ascii=False, indent=2)
    rebuilt = "\n".join(f"  {row}" for row in arguments.split("\n"))
    assert f"→ {call.function.name}  ({call.id})\n{rebuilt}\n" in shown
    assert "finish=tool_calls" in shown
    assert "gap s" in shown
    window.take_picture("response")
    window.open(0, "Request")
    shown = window.read("LLM chat")
    assert "tools: weather(city)" in shown
    assert "Wie wird das Wetter an der 河流 morgen? 🌊" in shown
    window.take_picture("request")
    window.check()


def test_a_stream_that_broke_is_marked_and_says_where(
    visit: OpenVisit, watched: Watched, pictures: Path
) -> None:
    """What had come is there; the mark and the error are in the list."""
    window = Window(visit, watched, pictures)
    with pytest.raises(openai.APIError):
        ask(watched, model="demo:cut-event=9,reasoning,words=30,pause=0.03")
    expect(window.calls.locator(".col-comment")).to_have_text(re.compile("^200 upstream_broken · "))
    expect(window.calls.locator(".marker")).to_have_text("🔴")
    window.take_picture("broken-list")
    window.open(0, "Response")
    shown = window.read("LLM chat")
    assert "── error ─" in shown
    assert "An error ends the stream at event " in shown
    assert "longest gap: " in shown
    window.take_picture("broken-response")
    window.check()


def test_a_running_answer_is_shown_and_the_history_behind_it_is_known(
    visit: OpenVisit, watched: Watched, pictures: Path
) -> None:
    """Whoever looks need not wait for the end to see which turns are new."""
    window = Window(visit, watched, pictures)
    first = ask(watched)
    more: list[ChatCompletionMessageParam] = [
        *ASKED,
        {"role": "assistant", "content": "Sonnig."},
        {"role": "user", "content": PROSE},
    ]
    slow = {"x-demo": "words=200, pause=0.1"}
    with (
        watched.relay.openai() as client,
        client.chat.completions.stream(model=MODEL, messages=more, extra_headers=slow) as chunks,
    ):
        assert next(iter(chunks)).type == "chunk"
        expect(window.calls).to_have_count(2)
        window.open(1, "Request")
        shown = window.read("LLM chat")
        assert "… 2 earlier messages as before …" in shown
        assert PROSE in unbroken(shown)
        window.take_picture("request-of-a-running-answer")
    assert first.finish_reason == "tool_calls"
    window.check()


def test_no_file_that_is_saved_holds_a_key(
    visit: OpenVisit, watched: Watched, pictures: Path, tmp_path: Path
) -> None:
    """By the relay's command, by mitmproxy's own, and by mitmweb's menu."""
    window = Window(visit, watched, pictures)
    ask(watched)
    expect(window.calls.locator(".col-comment")).to_contain_text("tool_calls")
    window.take_picture("before-saving")
    for command, name in (
        ("iflow.save", "ours.har"),
        ("iflow.save", "ours.jsonl"),
        ("iflow.save", "ours.md"),
        ("save.har", "mitmproxys.har"),
        ("save.file", "mitmproxys.flows"),
    ):
        assert watched.command(command, "@all", str(tmp_path / name)) == {"value": None}
    window.page.get_by_role("link", name="File", exact=True).click()
    with window.page.expect_download() as download:
        window.page.get_by_text("Save", exact=True).click()
    download.value.save_as(tmp_path / "mitmwebs.flows")
    files = [
        path for path in tmp_path.iterdir() if path.suffix in (".flows", ".har", ".jsonl", ".md")
    ]
    saved = {path.name: path.read_bytes() for path in files if path.name[:5] != "visit"}
    assert len(saved) == 6
    for name, data in saved.items():
        assert b"Wetter" in data, name
        assert KEY.encode() not in data, name
        assert CLIENT_KEY.encode() not in data, name
    window.check()


def test_a_key_that_is_shown_would_be_found(
    visit: OpenVisit, start_relay: StartRelay, pictures: Path
) -> None:
    """`iflow_show_credentials` shows it: the checks above see it in both places."""
    with watching(start_relay, "iflow_show_credentials=true") as watched:
        window = Window(visit, watched, pictures)
        window.there.secrets.remove(KEY)
        ask(watched)
        window.open(0, "Request")
        window.read("LLM chat")
        expect(window.page.locator(".headers")).to_contain_text(KEY)
        assert any(KEY in frame for frame in window.frames)
