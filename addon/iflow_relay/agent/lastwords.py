"""The last lines that a program said, bounded, with keys masked."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Final

from ..credential import Secret

LINES: Final = 20
SHOWN: Final = 6
MAX_LINE: Final = 300
"""Letters of a line that are kept: a program may write megabytes without a line end."""

SHORTEST: Final = 6
"""Letters of a value that is masked; shorter ones occur in any text by chance."""

_SECRET_NAME: Final = re.compile(r"KEY|TOKEN|SECRET|PASS|AUTH|CREDENTIAL|COOKIE", re.IGNORECASE)
_LOOKS_SECRET: Final = re.compile(
    r"\b(?:sk|pk|ghp|gho|xox[abp])[-_][A-Za-z0-9_-]{6,}|(?<=Bearer )[^\s\"']{6,}"
    r"|\beyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)*|\bAIza[A-Za-z0-9_-]{10,}",
    re.IGNORECASE,
)
_CONTROL: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


class Mask:
    """Masks the values of variables that are named like keys, and what looks like a key."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        values = {v for n, v in environ.items() if _SECRET_NAME.search(n) and len(v) >= SHORTEST}
        # The longest first: one may lie within another.
        self._secrets = [Secret(value) for value in sorted(values, key=len, reverse=True)]

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = secret.redact(text)
        return _LOOKS_SECRET.sub(lambda match: Secret(match[0]).masked, text)


class LastWords:
    """Takes in what a program says, and keeps its last lines."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._lines: deque[bytes] = deque(maxlen=LINES)
        self._open = b""

    def feed(self, data: bytes) -> None:
        """Take in what came; of a line that is too long, the beginning is kept."""
        *whole, rest = data.split(b"\n")
        for line in whole:
            self.add(self._open + line)
            self._open = b""
        self._open = (self._open + rest[: 4 * MAX_LINE])[: 4 * MAX_LINE]

    def add(self, line: bytes) -> None:
        """Take in one line, without its end."""
        if line.strip():
            self._lines.append(line[: 4 * MAX_LINE])

    def tell(self) -> str:
        """The last few lines, for people."""
        lines = [*self._lines, *([self._open] if self._open.strip() else [])][-SHOWN:]
        # Masked before it is cut, or half a key would go unrecognised.
        masked = [self._mask(_CONTROL.sub("", line.decode("utf-8", "replace"))) for line in lines]
        return "\n".join(line.strip()[:MAX_LINE] for line in masked if line.strip())
