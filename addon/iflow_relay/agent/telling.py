"""What an agent says of its turn, as pieces of an answer.

agent_message_chunk is content, agent_thought_chunk reasoning. tool_call, tool_call_update, plan and
what was refused are lines of reasoning; never `tool_calls`, which the client would have to run.
Other updates (commands, modes, the user's own words) say nothing to a client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from .spec import ToolOutput
from .usage import Usage, read_usage, read_whole_usage

MAX_LINE: Final = 200
"""Letters of what a tool gave that are told: it may be a whole file."""

FINISHES: Final = {
    "end_turn": "stop",
    "cancelled": "stop",
    "max_tokens": "length",
    "max_turn_requests": "length",
    "refusal": "content_filter",
}
"""ACP's stop reasons as OpenAI's; any other is `stop`."""

REFUSAL: Final = "The agent refuses to go on with this conversation."


class Piece(NamedTuple):
    """Some text of an answer."""

    kind: Literal["content", "reasoning"]
    text: str


class Tool(NamedTuple):
    """A tool call of the agent's, as far as it was told."""

    title: str
    kind: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a turn ended."""

    finish: str
    usage: Usage | None

    @property
    def refusal(self) -> str | None:
        """What the client is told where the agent refused."""
        return REFUSAL if self.finish == "content_filter" else None


class Telling:
    """One turn, as it is told."""

    def __init__(self, tool_output: ToolOutput, mask: Callable[[str], str] = str) -> None:
        self._shows_tools = tool_output == "reasoning"
        self._mask = mask
        self._tools: dict[str, Tool] = {}
        self._refused: list[str] = []
        self._usage: Usage | None = None
        self._at_line_start = True
        self._content: list[str] = []

    @property
    def content(self) -> str:
        """All content so far."""
        return "".join(self._content)

    def tool(self, call: Mapping[str, Any]) -> Tool:
        """A tool call, with what was told of it before."""
        name = str(call.get("toolCallId"))
        known = self._tools.get(name, Tool("", "", ()))
        title = call.get("title") or call.get("toolName") or known.title
        self._tools[name] = tool = Tool(
            _line(str(title or "a tool")),
            str(call.get("kind") or known.kind or "other"),
            tuple(_read_paths(call.get("locations"))) or known.paths,
        )
        return tool

    def read(self, update: Mapping[str, Any]) -> list[Piece]:
        """What a client is told of an update."""
        self._count(update)
        match update.get("sessionUpdate"):
            case "agent_message_chunk":
                return self._say("content", _read_text(update.get("content")))
            case "agent_thought_chunk":
                return self._say("reasoning", _read_text(update.get("content")))
            case "tool_call" | "tool_call_update" as name:
                return self._tell_tool(update, begins=name == "tool_call")
            case "plan":
                return self._tell_lines(_plan_lines(update.get("entries")))
        return []

    def refuse(self, what: str) -> list[Piece]:
        """Say that something was refused."""
        self._refused.append(what)
        return self._say_line(f"[refused] {what}")

    def end(self) -> list[Piece]:
        """What is still to be said when the agent has nothing more to say."""
        if self._refused and not self.content.strip():
            return self._say("content", "The agent did not go on: " + "; ".join(self._refused))
        return []

    def ending(self, result: Mapping[str, Any]) -> Ending:
        """How the turn ended, by the answer to the prompt."""
        reason = str(result.get("stopReason"))
        return Ending(FINISHES.get(reason, "stop"), read_whole_usage(result) or self._usage)

    def _count(self, update: Mapping[str, Any]) -> None:
        """Qwen Code tells each call of its model apart, in `_meta`: these add up."""
        meta = update.get("_meta")
        one = read_usage(meta) if isinstance(meta, dict) else None
        if one and self._usage:
            self._usage = self._usage.plus(one)
        else:
            self._usage = one or read_usage(update) or self._usage

    def _tell_tool(self, update: Mapping[str, Any], *, begins: bool) -> list[Piece]:
        tool = self.tool(update)
        status = update.get("status")
        if begins and status not in ("completed", "failed"):
            return self._tell_lines([f"[tool] {tool.title}"])
        if status not in ("completed", "failed"):
            return []
        gave = _line(" ".join(_read_results(update.get("content"))))
        line = f"[tool] {tool.title}: {status}"
        return self._tell_lines([f"{line}, {self._mask(gave)}" if gave else line])

    def _tell_lines(self, lines: Iterable[str]) -> list[Piece]:
        if not self._shows_tools:
            return []
        return [piece for line in lines for piece in self._say_line(line)]

    def _say_line(self, line: str) -> list[Piece]:
        return self._say("reasoning", line + "\n" if self._at_line_start else f"\n{line}\n")

    def _say(self, kind: Literal["content", "reasoning"], text: str) -> list[Piece]:
        if not text:
            return []
        if kind == "content":
            self._content.append(text)
        else:
            self._at_line_start = text.endswith("\n")
        return [Piece(kind, text)]


def _read_text(content: Any) -> str:
    """The text of a content block; what is no text is named."""
    if not isinstance(content, dict):
        return content if isinstance(content, str) else ""
    if content.get("type", "text") == "text":
        return str(content.get("text") or "")
    name = content.get("uri") or content.get("mimeType") or ""
    return f"[{content.get('type')}{': ' + str(name) if name else ''}]"


def _read_results(content: Any) -> Iterable[str]:
    for item in content if isinstance(content, list) else ():
        if isinstance(item, dict):
            changed = f"changed {item.get('path')}" if item.get("type") == "diff" else ""
            yield changed or _read_text(item.get("content"))


def _read_paths(locations: Any) -> Iterable[str]:
    for location in locations if isinstance(locations, list) else ():
        if isinstance(location, dict) and isinstance(location.get("path"), str):
            yield location["path"]


def _plan_lines(entries: Any) -> Iterable[str]:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            yield f"[plan] {entry.get('status') or 'pending'}: {_line(str(entry.get('content')))}"


def _line(text: str) -> str:
    """One line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_LINE else line[:MAX_LINE] + "…"
