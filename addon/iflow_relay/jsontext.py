"""Values as JSON in UTF-8, whatever text they hold."""

from __future__ import annotations

import json
from typing import Any


def to_json(value: Any) -> bytes:
    """Compact enough to read, and always valid UTF-8: half a surrogate pair stays an escape."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()
