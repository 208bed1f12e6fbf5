"""What goes before settings.json."""

from __future__ import annotations

import pytest

from iflow_relay.config import parse_config
from iflow_relay.login.overrides import find_overrides
from iflow_relay.options import OPTIONS

KEY = "sk-0123456789abcdef"

CASES: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str]]] = {
    "nothing": ({}, {}, {}),
    "other variables": ({}, {"OPENAI_API_KEY": KEY, "IFLOW_API_KEY": " "}, {}),
    "a key in the environment": ({}, {"IFLOW_API_KEY": KEY}, {"key": "environment IFLOW_API_KEY"}),
    "the CLI's other spellings": (
        {},
        {"iflow_apiKey": KEY, "IFLOW_baseUrl": "https://a.example", "IFLOW_MODEL_NAME": "m"},
        {
            "key": "environment iflow_apiKey",
            "base URL": "environment IFLOW_baseUrl",
            "model": "environment IFLOW_MODEL_NAME",
        },
    ),
    "options": (
        {"iflow_api_key": KEY, "iflow_base_url": "https://a.example"},
        {},
        {"key": "option iflow_api_key", "base URL": "option iflow_base_url"},
    ),
    "an option over the environment": (
        {"iflow_api_key": KEY},
        {"IFLOW_API_KEY": "sk-other"},
        {"key": "option iflow_api_key"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_goes_before_the_file_is_told_by_its_name(name: str) -> None:
    """Never by its value."""
    options, environ, found = CASES[name]
    config = parse_config({option.name: option.default for option in OPTIONS} | options)
    assert find_overrides(config, environ) == found
