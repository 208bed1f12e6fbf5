"""What an agent that asks is allowed, and where paths lead."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from iflow_relay.agent.permission import choose, is_allowed, locate, render_outcome
from iflow_relay.agent.spec import Policy
from iflow_relay.agent.telling import Tool

INSIDE = ("/inside",)
OPTIONS = [
    {"optionId": kind, "kind": kind}
    for kind in ("allow_always", "reject_always", "reject_once", "allow_once")
]


@pytest.mark.parametrize(
    ("policy", "tool", "allowed"),
    [
        ("deny", Tool("t", "read", INSIDE), False),
        ("deny", Tool("t", "think", ()), False),
        ("read", Tool("t", "read", INSIDE), True),
        ("read", Tool("t", "read", (*INSIDE, *INSIDE)), True),
        ("read", Tool("t", "read", (*INSIDE, "/outside")), False),
        ("read", Tool("t", "read", ()), False),
        ("read", Tool("t", "search", INSIDE), False),
        ("read", Tool("t", "other", INSIDE), False),
        ("ask-no-one-allow-all", Tool("t", "execute", ()), True),
    ],
)
def test_the_policy_decides(policy: Policy, tool: Tool, allowed: bool) -> None:
    """With `read` an agent has to say what it reads."""
    assert is_allowed(policy, tool, lambda path: path == "/inside") is allowed


@pytest.mark.parametrize(
    ("options", "allowed", "taken"),
    [
        (OPTIONS, True, "allow_once"),
        (OPTIONS, False, "reject_once"),
        (OPTIONS[:1], True, "allow_always"),
        (OPTIONS[:2], False, "reject_always"),
        (OPTIONS[:1], False, None),
        (OPTIONS[1:3], True, None),
        ([{"kind": "allow_once"}, {"kind": "allow_once", "optionId": 7}], True, None),
        ([], False, None),
    ],
)
def test_an_option_for_this_once_is_preferred(
    options: list[dict[str, Any]], allowed: bool, taken: str | None
) -> None:
    """What is chosen for always would outlive the user's policy."""
    assert choose(options, allowed=allowed) == taken


def test_an_outcome_names_the_option_or_is_cancelled() -> None:
    """As the protocol has it."""
    assert render_outcome("x") == {"outcome": {"outcome": "selected", "optionId": "x"}}
    assert render_outcome(None) == {"outcome": {"outcome": "cancelled"}}


def test_paths_are_followed_to_where_they_lead(tmp_path: Path) -> None:
    """Inside, outside, and back in again."""
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "up").symlink_to("..")
    (folder / "loop").symlink_to("loop")
    (tmp_path / "folder-2").mkdir()
    for path, found in (
        (folder, folder),
        (folder / "none" / "x", folder / "none" / "x"),
        (folder / "deep" / ".." / "x", folder / "x"),
        (folder / "up" / "folder" / "x", folder / "x"),
        (folder / "up" / "x", None),
        (folder / ".." / "x", None),
        (tmp_path / "folder-2", None),
        ("/", None),
    ):
        assert locate(str(path), folder) == (found and Path(os.path.realpath(found))), path
    for path in ("x", "", "~/x", f"{folder}/\0"):
        assert locate(path, folder) is None


def test_a_folder_that_is_itself_a_link_holds_its_files(tmp_path: Path) -> None:
    """The agent may name it either way."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    for folder in (real, link):
        for path in (real / "x", link / "x"):
            assert locate(str(path), folder) == real / "x"
