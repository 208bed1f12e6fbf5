"""JSON-RPC messages out of the bytes that an agent says, without I/O.

Rules (ACP, over stdio): one message a line, a JSON object, ended by LF. Programs print other things
as well, banners and warnings and, in iFlow's case, lines that begin with `//`: these are no error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

MAX_LINE: Final = 64 << 20
"""Bytes of one message: an image fits, an endless line does not."""


MAX_NOISE: Final = 10_000
"""Lines without a message among them: more come from a program that speaks something else."""


class TooLong(ValueError):
    """A line is longer than `MAX_LINE`, or no message came in `MAX_NOISE` lines; it says which."""


class MessageReader:
    """Cuts a stream into messages; `note` gets the lines that are none."""

    def __init__(self, note: Callable[[bytes], None]) -> None:
        self._note = note
        self._rest = bytearray()
        self._noise = 0

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages that are whole by now; raises TooLong."""
        seen = len(self._rest)
        self._rest += data
        end = self._rest.rfind(b"\n", seen)
        if end < 0:
            if len(self._rest) > MAX_LINE:
                raise TooLong(f"it said a line of more than {MAX_LINE >> 20} MB")
            return []
        whole = bytes(memoryview(self._rest)[:end])
        del self._rest[: end + 1]
        return [message for line in whole.split(b"\n") if (message := self._read(line))]

    def _read(self, line: bytes) -> dict[str, Any] | None:
        if line.startswith(b"//") or not line.strip():
            self._count_noise()
            return None
        message = parse_message(line)
        if message is None:
            self._note(line)
            self._count_noise()
        else:
            self._noise = 0
        return message

    def _count_noise(self) -> None:
        """Reading without an end would keep the relay from everything else."""
        self._noise += 1
        if self._noise > MAX_NOISE:
            raise TooLong(f"it said {MAX_NOISE:,} lines that are no message of ACP")


def parse_message(line: bytes) -> dict[str, Any] | None:
    """A request, a notification or an answer; None for anything else."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    return message if _is_asked(message) or _is_answer(message) else None


def _is_asked(message: dict[str, Any]) -> bool:
    return isinstance(message.get("method"), str)


def _is_answer(message: dict[str, Any]) -> bool:
    """Requests of ours have numbers; an error is an object."""
    if "method" in message or type(message.get("id")) is not int:
        return False
    return "error" not in message or isinstance(message["error"], dict)
