"""A chat request as values; what is malformed raises ValueError with the parameter's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

REASONING_MODEL = "kimi-k2-thinking"
SOMETIMES_REASONING_MODEL = "glm-4.7"
MAX_N = 16
MAX_USER = 100


class Tool(NamedTuple):
    """A function that the model may call; `parameters` is a JSON schema."""

    name: str
    parameters: Any


@dataclass(frozen=True, slots=True)
class Chat:
    """What was asked; `limit` in tokens, `schema` is True for any JSON object."""

    model: str
    messages: tuple[Mapping[str, Any], ...]
    stream: bool
    include_usage: bool
    n: int
    limit: int | None
    tools: tuple[Tool, ...]
    tool_choice: str | Tool
    schema: Any
    thinks: bool
    user: str

    @property
    def last_role(self) -> str:
        """Who spoke last."""
        return str(self.messages[-1].get("role"))

    def last_text(self, role: str) -> str:
        """What was last said in that role."""
        for message in reversed(self.messages):
            if message.get("role") == role:
                return text_of(message)
        return ""


def read_chat(body: object) -> Chat:
    """Read the body of a chat call; fields that are not known here are passed over."""
    if not isinstance(body, dict):
        raise ValueError("the body must be an object")
    tools = _read_tools(body)
    limits = (_read_count(body, "max_tokens"), _read_count(body, "max_completion_tokens"))
    n = _read_count(body, "n")
    if n is not None and not 1 <= n <= MAX_N:
        raise ValueError(f"n must be between 1 and {MAX_N}")
    return Chat(
        model=str(body.get("model", "")),
        messages=_read_messages(body),
        stream=body.get("stream") is True,
        include_usage=_mapping(body, "stream_options").get("include_usage") is True,
        n=n or 1,
        limit=min((limit for limit in limits if limit is not None), default=None),
        tools=tools,
        tool_choice=_read_tool_choice(body, tools),
        schema=_read_schema(body),
        thinks=_thinks(body),
        user=str(body.get("user", ""))[:MAX_USER],
    )


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message, be its content a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(text for text in parts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _read_count(body: Mapping[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is not None and (type(value) is not int or value < 0):
        raise ValueError(f"{name} must be a whole number")
    return value


def _read_messages(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ValueError("messages must be a list with at least one message")
    if not all(isinstance(message, dict) for message in messages):
        raise ValueError("messages must hold objects")
    return tuple(messages)


def _read_tools(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    tools = body.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise ValueError("tools must be a list of objects")
    functions = [_mapping(tool, "function") for tool in tools]
    if not all(isinstance(function.get("name"), str) for function in functions):
        raise ValueError("tools must have a function with a name")
    return tuple(Tool(function["name"], function.get("parameters")) for function in functions)


def _read_tool_choice(body: Mapping[str, Any], tools: tuple[Tool, ...]) -> str | Tool:
    choice = body.get("tool_choice", "auto")
    if not isinstance(choice, dict):
        return str(choice)
    name = _mapping(choice, "function").get("name")
    found = next((tool for tool in tools if tool.name == name), None)
    if found is None:
        raise ValueError("tool_choice must name one of the tools")
    return found


def _read_schema(body: Mapping[str, Any]) -> Any:
    wish = _mapping(body, "response_format")
    if wish.get("type") == "json_schema":
        return _mapping(wish, "json_schema").get("schema", True)
    return True if wish.get("type") == "json_object" else None


def _thinks(body: Mapping[str, Any]) -> bool:
    if body.get("model") != SOMETIMES_REASONING_MODEL:
        return body.get("model") == REASONING_MODEL
    asked = _mapping(body, "chat_template_kwargs").get("enable_thinking") is True
    return asked or body.get("reasoning_effort") not in (None, "none")
