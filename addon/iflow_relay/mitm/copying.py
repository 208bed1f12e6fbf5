"""Commands that give a call to somebody else: on the clipboard, or in a file; never with a key."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mitmproxy import command, exceptions, flow, http, types
from mitmproxy.log import ALERT
from mitmproxy.proxy.mode_specs import RegularMode, ReverseMode, UpstreamMode

from ..credential import bracket
from ..files import replace_file
from ..snippets import Asking, render_curl, render_python
from .edge import HasRelay

logger = logging.getLogger(__name__)

_SECRET = ("authorization", "proxy-authorization", "x-api-key", "api-key", "cookie", "set-cookie")
"""Fields whose values no file gets."""


class RelayCopying(HasRelay):
    """A copied text goes to the clipboard, where there is one, and is the command's answer."""

    @command.command("iflow.copy.curl")  # type: ignore[untyped-decorator]
    def curl(self, flow: flow.Flow) -> str:
        """Copy a call as a curl line; the key's place is $OPENAI_API_KEY."""
        return self._copy(render_curl, flow)

    @command.command("iflow.copy.python")  # type: ignore[untyped-decorator]
    def python(self, flow: flow.Flow) -> str:
        """Copy a chat as a script with OpenAI's SDK; the key is read from the environment."""
        return self._copy(render_python, flow)

    @command.command("iflow.copy.text")  # type: ignore[untyped-decorator]
    def text(self, flow: flow.Flow) -> str:
        """Copy a conversation as Markdown: what was asked, and what was answered."""
        if not isinstance(flow, http.HTTPFlow):
            raise exceptions.CommandError("This is no HTTP call.")
        text = render_text(flow)
        to_clipboard(text)
        return text

    @command.command("iflow.save")  # type: ignore[untyped-decorator]
    def save(self, flows: Sequence[flow.Flow], path: types.Path) -> None:
        """Save calls, readable by you alone: .jsonl, one a line, .md, to read, or .har."""
        calls = [without_keys(item) for item in flows if isinstance(item, http.HTTPFlow)]
        render = _FILES.get(Path(path).suffix.lower())
        if render is None:
            raise exceptions.CommandError(f"Name a file that ends in {' or '.join(_FILES)}.")
        try:
            replace_file(Path(path).expanduser(), render(calls).encode("utf-8", "replace"))
        except OSError as error:
            raise exceptions.CommandError(f"Nothing was saved: {error}.") from error
        logger.log(ALERT, "%d calls saved.", len(calls))

    def _copy(self, render: Callable[[Asking], str], item: flow.Flow) -> str:
        if not isinstance(item, http.HTTPFlow):
            raise exceptions.CommandError("This is no HTTP call.")
        try:
            text = render(read_asking(item, self.relay.endpoint))
        except ValueError as error:
            raise exceptions.CommandError(str(error)) from error
        to_clipboard(text)
        return text


def read_asking(item: http.HTTPFlow, endpoint: str | None) -> Asking:
    """What the client asked, at the relay's own address; what follows a ? is left out."""
    path = str(item.metadata.get("iflow.path") or item.request.path).partition("?")[0]
    return Asking(
        item.request.method,
        f"{_address(item, endpoint)}/v1",
        path.removeprefix("/v1"),
        item.request.get_content(strict=False) or b"",
    )


def _address(item: http.HTTPFlow, endpoint: str | None) -> str:
    """Where the client had connected to; a proxy's listener is an endpoint, too."""
    client = item.client_conn
    if isinstance(client.proxy_mode, ReverseMode | RegularMode | UpstreamMode) and client.sockname:
        return f"http://{bracket(client.sockname[0])}:{client.sockname[1]}"
    return endpoint or "http://127.0.0.1:8000"


def to_clipboard(text: str) -> None:
    """Copy a text; a machine without a clipboard is told of in the log."""
    import pyperclip  # type: ignore[import-untyped]

    try:
        pyperclip.copy(text)
    except pyperclip.PyperclipException:
        logger.log(ALERT, "There is no clipboard here: the text is the command's answer.")


def without_keys(item: http.HTTPFlow) -> http.HTTPFlow:
    """A copy that holds no credential, whatever `iflow_show_credentials` lets be seen.

    Some APIs take keys behind the ? of an address.
    """
    copied: http.HTTPFlow = item.copy()
    copied.request.path = copied.request.path.partition("?")[0]
    if path := copied.metadata.get("iflow.path"):
        copied.metadata["iflow.path"] = str(path).partition("?")[0]
    for message in (copied.request, copied.response):
        for name in _SECRET:
            if message and name in message.headers:
                message.headers[name] = "removed"
    return copied


def render_lines(flows: Sequence[http.HTTPFlow]) -> str:
    """JSON Lines: the figures, the request and the answer of each call."""
    return "".join(json.dumps(_line(item), ensure_ascii=False) + "\n" for item in flows)


def _line(item: http.HTTPFlow) -> dict[str, Any]:
    return {
        "time": item.timestamp_created,
        "method": item.request.method,
        "path": item.metadata.get("iflow.path", item.request.path),
        "status": item.response.status_code if item.response else None,
        "comment": item.comment,
        **{name: value for name, value in item.metadata.items() if name.startswith("iflow.")},
        "request": _body(item.request),
        "response": _body(item.response),
    }


def _body(message: http.Message | None) -> Any:
    """JSON where it is some, else the text; None where nothing was kept."""
    data = message.get_content(strict=False) if message else None
    if data is None:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")


def render_text(item: http.HTTPFlow, number: int = 1) -> str:
    """A conversation as Markdown; as much of it as was kept."""
    from ..transcript.markdown import render_markdown  # as few ask for it
    from ..transcript.reading import dialect_of, read_answer, read_request

    dialect = dialect_of(str(item.metadata.get("iflow.path") or item.request.path))
    asked = read_request(item.request.get_content(strict=False) or b"", dialect)
    body = item.response.get_content(strict=False) if item.response else None
    status = item.response.status_code if item.response else 0
    told = read_answer(body, asked.dialect, status) if body else None
    return render_markdown(asked, told, number)


def render_texts(flows: Sequence[http.HTTPFlow]) -> str:
    """Conversations, one after the other, numbered."""
    return "\n".join(render_text(item, number) for number, item in enumerate(flows, 1))


def render_har(flows: Sequence[http.HTTPFlow]) -> str:
    """mitmproxy's own HAR."""
    from mitmproxy.addons.savehar import SaveHar

    return json.dumps(SaveHar().make_har(flows), indent=2)


_FILES: dict[str, Callable[[Sequence[http.HTTPFlow]], str]] = {
    ".jsonl": render_lines,
    ".md": render_texts,
    ".har": render_har,
}
