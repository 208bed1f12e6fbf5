"""Which agents there are, and what they are called."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest

from iflow_relay.agent import book as book_module
from iflow_relay.agent.book import AgentBook, agent_model, agent_name, render_agent
from iflow_relay.errors import AgentUnavailable, NotFound


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def make_program(folder: Path, name: str) -> Path:
    program = folder / (name + (".exe" if os.name == "nt" else ""))
    program.touch(0o755)
    return program


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("iflow", "iflow"),
        ("iflow/qwen", "qwen"),
        ("iflow/iflow", "iflow"),
        ("iflow/a/b", "a/b"),
        ("iflow/", None),
        ("iFlow-ROME-30BA3B", None),
        ("iflow-x", None),
        ("qwen", None),
        ("", None),
    ],
)
def test_a_model_is_an_agent_by_its_name(model: str, name: str | None) -> None:
    """Everything else is the upstream's."""
    assert agent_name(model) == name


def test_an_agent_is_listed_as_a_model() -> None:
    """In the shape that the list has."""
    assert agent_model("iflow") == "iflow"
    assert agent_model("qwen") == "iflow/qwen"
    entry = render_agent("iflow")
    assert (entry["id"], entry["object"], entry["owned_by"]) == ("iflow", "model", "iflow")
    assert isinstance(entry["created"], int)


def test_the_cli_is_listed_only_where_it_is_found(tmp_path: Path, path: Path) -> None:
    """On PATH; nothing needs to be configured."""
    book = AgentBook(tmp_path / "agents.toml")
    assert book.list_agents() == []
    make_program(path, "iflow")
    assert book.list_agents() == ["iflow"]
    assert book.find("iflow").command == "iflow"


def test_agents_are_listed_where_their_program_is_found(tmp_path: Path, path: Path) -> None:
    """By name on PATH, by name on a PATH of their own, or by path."""
    make_program(path, "one")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    make_program(elsewhere, "two")
    file = tmp_path / "agents.toml"
    file.write_text(
        f"""
        [agent.one]
        command = "one"
        [agent.two]
        command = "two"
        env = {{ PATH = '{elsewhere}' }}
        [agent.three]
        command = '{sys.executable}'
        [agent.four]
        command = "four"
        """
    )
    assert AgentBook(file).list_agents() == ["one", "two", "three"]


def test_the_file_lies_in_the_users_configuration_folder(home: Path) -> None:
    """Where models.toml lies too."""
    with pytest.raises(NotFound) as caught:
        AgentBook().find("x")
    assert str(Path("iflow-relay", "agents.toml")) in caught.value.message


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """Also when it comes and goes."""
    file = tmp_path / "agents.toml"
    book = AgentBook(file)
    with pytest.raises(NotFound):
        book.find("x")
    file.write_text(f"[agent.x]\ncommand = '{sys.executable}'")
    assert book.find("x").name == "x"
    file.unlink()
    with pytest.raises(NotFound):
        book.find("x")


def test_a_change_that_keeps_size_and_time_counts_too(tmp_path: Path) -> None:
    """As a change of who may read the file does, after which it would else never be tried again."""
    file, other = tmp_path / "agents.toml", tmp_path / "other"
    book = AgentBook(file)
    file.write_text(f"[agent.x]\ncommand = '{sys.executable}'")
    assert book.find("x").name == "x"
    other.write_text(f"[agent.y]\ncommand = '{sys.executable}'")
    times = file.stat()
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(file)
    assert book.find("y").name == "y"


def test_a_long_name_is_not_said_back_whole(tmp_path: Path) -> None:
    """A request may be megabytes."""
    with pytest.raises(NotFound) as caught:
        AgentBook(tmp_path / "agents.toml").find("x" * 100_000)
    assert len(caught.value.message) < 1000


def test_a_wrong_file_leaves_no_agent(
    tmp_path: Path, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even those that are built in: it may have been meant to hold them; it is said once."""
    make_program(path, "iflow")
    file = tmp_path / "agents.toml"
    file.write_text("[agent.x]\ncommand = 1")
    book = AgentBook(file)
    with caplog.at_level(logging.WARNING):
        assert book.list_agents() == []
        for name in ("iflow", "x"):
            with pytest.raises(AgentUnavailable, match=r"agents\.toml: \[agent\.x\] command"):
                book.find(name)
    assert len(caplog.records) == 1


def test_what_is_missing_is_named(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent, its program, or the library."""
    book = AgentBook(tmp_path / "agents.toml")
    make_program(path, "other")
    with pytest.raises(AgentUnavailable, match="iflow, is not found"):
        book.find("iflow")
    make_program(path, "iflow")
    with pytest.raises(NotFound, match="no agent 'x'; those there are: iflow") as caught:
        book.find("x")
    assert caught.value.code == "model_not_found"
    monkeypatch.setattr(book_module, "has_library", lambda: False)
    assert book.list_agents() == []
    with pytest.raises(AgentUnavailable, match="pip install"):
        book.find("iflow")
