"""Verdicts as tests compare them."""

from __future__ import annotations

from collections.abc import Iterable

from iflow_relay.config import Config, parse_config
from iflow_relay.doctor.verdict import Verdict
from iflow_relay.options import OPTIONS


def make_config(**values: object) -> Config:
    """The options, with these values by their names without `iflow_`."""
    given = {f"iflow_{name}": value for name, value in values.items()}
    return parse_config({option.name: option.default for option in OPTIONS} | given)


def statuses(verdicts: Iterable[Verdict]) -> list[tuple[str, str]]:
    """Name and status of each."""
    return [(verdict.name, str(verdict.status)) for verdict in verdicts]
