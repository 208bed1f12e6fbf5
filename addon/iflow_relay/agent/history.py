"""Which conversation a request goes on with, and what an agent is prompted with.

A session of an agent keeps its own history, a client sends the whole one each time. A request whose
messages up to the last answer are those that a session has seen goes on there with what is new.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from .asking import Image, Message, Part

NO_IMAGES: Final = "[an image was left out: this agent takes none]"
GO_ON: Final = "Go on from where your last message ends."
_LATER: Final = "Answer the last message of the user."


def digest(caller: str, system: str, messages: Iterable[Message]) -> str:
    """What a conversation is known by: who calls, and all that was said; blanks at ends aside."""
    spoken = [[m.role, [_fingerprint(part) for part in m.parts]] for m in messages]
    text = json.dumps([caller, system.strip(), spoken])
    return hashlib.sha256(text.encode()).hexdigest()


def _fingerprint(part: Part) -> str:
    return part.strip() if isinstance(part, str) else hashlib.sha256(part.data.encode()).hexdigest()


def answered(messages: Sequence[Message], answer: str) -> tuple[Message, ...]:
    """The conversation once it was answered."""
    said = (answer,) if answer else ()
    return (*messages, Message("assistant", said))


def split_new(messages: Sequence[Message]) -> tuple[Sequence[Message], Sequence[Message]]:
    """What was said up to the last answer, and what is new since."""
    last = max((i for i, m in enumerate(messages) if m.role == "assistant"), default=-1)
    return messages[: last + 1], messages[last + 1 :]


def render_new(messages: Sequence[Message], *, images: bool) -> list[dict[str, Any]]:
    """The prompt of a session that knows all but these messages."""
    if not messages:
        return [_text(GO_ON)]
    if len(messages) == 1 and messages[0].role == "user":
        return _blocks(messages[0].parts, images)
    return _blocks(_marked(messages), images)


def render_all(system: str, messages: Sequence[Message], *, images: bool) -> list[dict[str, Any]]:
    """The prompt of a session that knows nothing yet; `system` is empty where it was told."""
    opening = _blocks((f"<system>\n{system}\n</system>",), images) if system else []
    said, new = split_new(messages)
    if not said:
        return opening + render_new(new, images=images)
    ending = _LATER if new else GO_ON
    parts = ["This is a conversation that you have had with a user so far:", *_marked(messages)]
    return opening + _blocks((*parts, ending), images)


def _marked(messages: Iterable[Message]) -> list[Part]:
    """Messages with their roles written around them."""
    parts: list[Part] = []
    for message in messages:
        parts += [f"<{message.role}>", *message.parts, f"</{message.role}>"]
    return parts


def _blocks(parts: Iterable[Part], images: bool) -> list[dict[str, Any]]:
    """ACP's content blocks, neighbouring texts as one."""
    blocks: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, Image) and images:
            blocks.append({"type": "image", "mimeType": part.media, "data": part.data})
            continue
        text = NO_IMAGES if isinstance(part, Image) else part
        if blocks and blocks[-1]["type"] == "text":
            blocks[-1]["text"] += "\n" + text
        else:
            blocks.append(_text(text))
    return blocks or [_text("")]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
