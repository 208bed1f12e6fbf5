"""What deltas grow into: lists of pieces, joined once."""

from __future__ import annotations

from ..jsontext import mend
from .values import Choice, ToolCall


class CallPieces:
    """A tool call in the making."""

    def __init__(self, id: str = "", name: str = "") -> None:
        self.id = id
        self.name = name
        self.arguments: list[str] = []

    def add(self, id: str, name: str, arguments: str) -> None:
        """The next fragment; some upstreams say id and name again with each."""
        self.id = self.id or id
        if name != self.name:
            self.name += name
        self.arguments.append(arguments)

    def joined(self) -> ToolCall:
        """The call as far as it came."""
        return ToolCall(mend(self.id), mend(self.name), mend("".join(self.arguments)))


class ChoicePieces:
    """An answer in the making; its calls by whatever their dialect tells them apart by."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.calls: dict[int | str, CallPieces] = {}
        self.finish = ""

    @property
    def says_anything(self) -> bool:
        """Whether any piece has come yet."""
        return bool(self.text or self.calls or self.reasoning or self.refusal)

    def call(self, key: int | str) -> CallPieces:
        """The call of this key, a new one where there is none yet."""
        return self.calls.get(key) or self.calls.setdefault(key, CallPieces())

    def joined(self, index: int = 0) -> Choice:
        """The answer as far as it came."""
        return Choice(
            index,
            mend("".join(self.text)),
            mend("".join(self.reasoning)),
            mend("".join(self.refusal)),
            tuple(call.joined() for call in self.calls.values()),
            mend(self.finish),
        )
