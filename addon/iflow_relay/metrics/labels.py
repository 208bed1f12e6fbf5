"""Label values that come from outside: printable, short, and never more than so many."""

from __future__ import annotations

OTHER = "other"
"""What every further value is called, so that nobody can fill the memory with names."""

MAX_LENGTH = 100


class Labels:
    """The first `limit` values that were admitted; any other is `other`, the empty one stays."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[str, str] = {}

    def admit(self, value: str) -> str:
        """The label for a value, which gets one of its own if there is still room."""
        value = value[:MAX_LENGTH]
        if value and value not in self._known and len(self._known) < self._limit:
            self._known[value] = printable(value)
        return self.find(value)

    def find(self, value: str) -> str:
        """The label for a value that gets none of its own now."""
        value = value[:MAX_LENGTH]
        return self._known.get(value, OTHER) if value else ""


def printable(text: str) -> str:
    """The text with a question mark for each letter that nobody sees."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
