"""The README says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from iflow_relay import errors
from iflow_relay.dialects.chat import RULES
from iflow_relay.options import OPTIONS

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def shown(default: object) -> str:
    """A default as the option table writes it."""
    if isinstance(default, list):
        return ", ".join(f"`{item}`" for item in default)
    if isinstance(default, bool):
        return f"`{default}`".lower()
    return f"`{default}`" if default != "" else ""


def test_the_option_table_has_each_option_with_its_default_and_its_help() -> None:
    """Name, default and meaning in the README are those that mitmproxy is told."""
    rows = re.findall(r"^\| `(iflow_\w+)` \|(.*?)\| (.*) \|$", README, re.MULTILINE)
    assert [(name, default.strip(), text) for name, default, text in rows] == [
        (option.name, shown(option.default), option.help) for option in OPTIONS
    ]


def test_every_rule_is_explained() -> None:
    """A person who switches a rule off can read what it did."""
    explained = README[README.index("What the rules of") :]
    assert [rule for rule in RULES if f"`{rule}`" not in explained] == []


def test_every_error_code_is_listed() -> None:
    """Whoever meets a code finds it in the table of errors."""
    table = README[README.index("## Errors") : README.index("## Security")]
    codes = {
        thing.code
        for thing in vars(errors).values()
        if isinstance(thing, type) and issubclass(thing, errors.RelayError)
    }
    assert {code for code in codes - {"internal_error"} if f"`{code}`" not in table} == set()
