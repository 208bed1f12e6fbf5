"""The members of settings.json that a login sets, and those of an earlier login that it removes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import mark
from ..jsonedit import GONE


def succeed(document: Mapping[str, Any], members: Mapping[str, object]) -> dict[str, object]:
    """What to change so that these members, marked as ours, come after an earlier login of ours.

    What that one wrote and is still as it wrote it goes; but the model stays where the base URL
    does. What somebody else wrote is touched only where this login has a value of its own for it.
    """
    earlier = mark.ours(document)
    kept = _model_kept(document, members) if "modelName" in earlier else {}
    written = {**members, **kept}
    present = {name: value for name, value in written.items() if value is not GONE}
    gone = dict.fromkeys((name for name in document if name in earlier), GONE)
    return {**gone, **written, mark.MEMBER: mark.mark(present)}


def _model_kept(document: Mapping[str, Any], members: Mapping[str, object]) -> dict[str, object]:
    if "modelName" in members or document.get("baseUrl") != members.get("baseUrl"):
        return {}
    return {"modelName": document["modelName"]}
