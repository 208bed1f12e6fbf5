"""What goes before settings.json: options, and variables of this environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..config import Config
from ..settings import from_environment

_MEMBERS: Final = {"apiKey": "key", "baseUrl": "base URL", "modelName": "model"}


def find_overrides(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    """By the value's name in words what gives it in the file's place, for each that something does.

    A relay that was started elsewhere may have others.
    """
    options = {"apiKey": config.api_key, "baseUrl": config.base_url, "modelName": None}
    names = {"apiKey": "option iflow_api_key", "baseUrl": "option iflow_base_url"}
    found = {}
    for member, word in _MEMBERS.items():
        variable = from_environment(member, environ)
        if options[member] is not None:
            found[word] = names[member]
        elif variable:
            found[word] = variable.origin
    return found
