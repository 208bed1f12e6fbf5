"""What a chat call answers: text, reasoning and tool calls that follow from the request alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import cycle, islice
from typing import Any, NamedTuple

from .chat import Chat, Tool, text_of
from .faults import Faults
from .schema import fit

# A token here is four characters, always: a count that anyone can check by hand.
TOKEN = 4

# A question may be megabytes of text; nobody wants those back.
MAX_QUOTE = 1000

# Above this an answer is streamed in fewer, larger pieces, to bound the number of events.
MAX_PIECES = 10_000

FILLER = ("river ", "stone ", "河流 ", "wind ", "🌊 ", "señal ", "light ", "石头 ")


class Call(NamedTuple):
    """One tool call, its arguments in the fragments in which a stream has them."""

    id: str
    name: str
    fragments: tuple[str, ...]


class Choice(NamedTuple):
    """One of n answers, in the pieces in which a stream has it."""

    reasoning: tuple[str, ...]
    content: tuple[str, ...]
    calls: tuple[Call, ...]
    finish: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """All that is said to one chat call."""

    id: str
    model: str
    choices: tuple[Choice, ...]
    usage: dict[str, Any]


def answer_chat(chat: Chat, faults: Faults, body: bytes) -> Reply:
    """The reply to a chat call; its id follows from the body."""
    ident = blake2b(body, digest_size=12).hexdigest()
    thinks = chat.thinks or "reasoning" in faults
    choices = tuple(_choice(chat, faults, f"{ident}-{i}", i, thinks) for i in range(chat.n))
    return Reply(f"chat-{ident}", chat.model, choices, _usage(chat, choices, thinks))


def count_tokens(pieces: Iterable[str]) -> int:
    """How many tokens a text has that was cut into these pieces."""
    return -(-sum(map(len, pieces)) // TOKEN)


def _choice(chat: Chat, faults: Faults, ident: str, index: int, thinks: bool) -> Choice:
    tools = _called_tools(chat, faults)
    whole = Choice(
        split(_reasoning(chat)) if thinks else (),
        () if tools else _content(chat, faults, index),
        tuple(_call(tool, chat, f"{ident}-{k}") for k, tool in enumerate(tools)),
        "tool_calls" if tools else "stop",
    )
    choice = whole if chat.limit is None else _limit(whole, chat.limit * TOKEN)
    return choice._replace(finish=_finish(choice.finish, faults))


def _finish(finish: str | None, faults: Faults) -> str | None:
    if "no-finish" in faults:
        return None
    if "finish" in faults:
        return faults.text("finish")
    return "stop" if "stop-with-tools" in faults else finish


def _called_tools(chat: Chat, faults: Faults) -> Sequence[Tool]:
    if faults.first("calls", "stop-with-tools"):
        count = faults.number("calls") if "calls" in faults else 1
        made_up = [Tool(f"demo_tool_{i}", _MADE_UP_SCHEMA) for i in range(count)]
        return [*chat.tools, *made_up][:count]
    if not chat.tools or chat.tool_choice == "none" or chat.last_role != "user":
        return []
    return [chat.tool_choice] if isinstance(chat.tool_choice, Tool) else chat.tools[:1]


_MADE_UP_SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}


def _call(tool: Tool, chat: Chat, ident: str) -> Call:
    arguments = fit(tool.parameters or {"type": "object"}, _quote(chat.last_text("user")))
    text = json.dumps(arguments, ensure_ascii=False)
    ident = blake2b(ident.encode(), digest_size=12).hexdigest()
    return Call(f"call_{ident}", tool.name, tuple(re.findall(r".{1,8}", text, re.DOTALL)))


def _quote(text: str) -> str:
    return text if len(text) <= MAX_QUOTE else text[:MAX_QUOTE] + "…"


def _reasoning(chat: Chat) -> str:
    return f"They said {_quote(chat.last_text('user'))!r}. I shall say it back. 想好了。"


def _content(chat: Chat, faults: Faults, index: int) -> tuple[str, ...]:
    if chat.schema is not None:
        return split(_structured(chat))
    role, said = ("tool", "The tool said") if chat.last_role == "tool" else ("user", "You said")
    number = f"[{index + 1}] " if index else ""
    text = f"{number}{said}: {_quote(chat.last_text(role))}"
    if "size" in faults:
        text = _fill(text + " ", faults.number("size"))
        return _slices(text, faults.number("words")) if "words" in faults else split(text)
    return _pad(split(text), faults.number("words")) if "words" in faults else split(text)


def _structured(chat: Chat) -> str:
    quote = f"You said: {_quote(chat.last_text('user'))}"
    value = {"answer": quote} if chat.schema is True else fit(chat.schema, quote)
    return json.dumps(value, ensure_ascii=False)


def split(text: str) -> tuple[str, ...]:
    """A text in the pieces that a model would send: words, and parts of long ones."""
    if len(text) > MAX_PIECES * 8:
        return _slices(text, MAX_PIECES)
    return tuple(re.findall(r"\S{1,12}\s*|\s+", text))


def _slices(text: str, count: int) -> tuple[str, ...]:
    text = text.ljust(count, ".")
    return tuple(text[len(text) * i // count : len(text) * (i + 1) // count] for i in range(count))


def _pad(pieces: Sequence[str], count: int) -> tuple[str, ...]:
    if len(pieces) < count:
        pieces = [*pieces[:-1], pieces[-1] + " "]
    return (*pieces, *islice(cycle(FILLER), max(0, count - len(pieces))))[:count]


def _fill(text: str, size: int) -> str:
    block = "".join(FILLER)
    missing = max(0, size - len(text.encode("utf-8", "replace")))
    filled = text + block * (missing // len(block.encode()) + 1)
    # Cut by bytes: a character that does not fit whole is left out.
    return filled.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")


def _limit(choice: Choice, room: int) -> Choice:
    """The choice cut after so many characters, as max_tokens does it."""
    reasoning, room = _clip(choice.reasoning, room)
    content, room = _clip(choice.content, room)
    calls = []
    for call in choice.calls:
        fragments, room = _clip(call.fragments, room)
        calls.append(call._replace(fragments=fragments))
    cut = Choice(reasoning, content, tuple(calls), choice.finish)
    return cut if cut == choice else cut._replace(finish="length")


def _clip(pieces: Sequence[str], room: int) -> tuple[tuple[str, ...], int]:
    kept: list[str] = []
    for piece in pieces:
        if room <= 0:
            break
        kept.append(piece[:room])
        room -= len(kept[-1])
    return tuple(kept), room


def _usage(chat: Chat, choices: Iterable[Choice], thinks: bool) -> dict[str, Any]:
    prompt = sum(count_tokens([text_of(message)]) + TOKEN for message in chat.messages)
    reasoning = sum(count_tokens(choice.reasoning) for choice in choices)
    said = sum(
        count_tokens(choice.content) + sum(count_tokens(call.fragments) for call in choice.calls)
        for choice in choices
    )
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": reasoning + said,
        "total_tokens": prompt + reasoning + said,
    }
    if thinks:
        # iFlow says it beside the usual three, OpenAI in the details.
        usage["reasoning_tokens"] = reasoning
        usage["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return usage
