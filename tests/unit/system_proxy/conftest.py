"""Machines with made-up desktops."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.unit.system_proxy.machine import WINDOWS, Machine


class MakeMachine(Protocol):
    """Puts programs on PATH, alone."""

    def __call__(self, *programs: str, **state: Any) -> Machine: ...


@pytest.fixture
def make_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeMachine:
    """Makes this machine one with these programs and what they have set."""

    def make(*programs: str, **state: Any) -> Machine:
        machine = Machine(tmp_path / "bin", *programs, **state)
        monkeypatch.setenv("PATH", str(machine.path))
        monkeypatch.setenv("OS", "Windows_NT" if set(WINDOWS) & set(programs) else "")
        return machine

    return make
