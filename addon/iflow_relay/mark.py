"""What a login of ours has written into settings.json, so that it can be told from all else there.

The mark is a member of the file itself: names of members with a fingerprint of each value, so that
file and mark are replaced in one go, and a value that somebody changed later is theirs.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from .jsonedit import GONE

MEMBER: Final = "iflowRelayLogin"


def fingerprint(value: object) -> str:
    """The first 16 hex digits of the SHA-256 of the value's JSON text."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def mark(members: Mapping[str, object]) -> dict[str, str]:
    """The value of the mark's member for these members; those that are GONE are not in it."""
    return {name: fingerprint(value) for name, value in members.items() if value is not GONE}


def ours(document: Mapping[str, Any]) -> frozenset[str]:
    """The names of the members that still are as a login of ours wrote them."""
    marked = document.get(MEMBER)
    if not isinstance(marked, dict):
        return frozenset()
    return frozenset(
        name
        for name, print_ in marked.items()
        if name in document
        and isinstance(print_, str)
        and hmac.compare_digest(fingerprint(document[name]).encode(), print_.encode())
    )
