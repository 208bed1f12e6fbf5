"""What of the relay's own surroundings an agent gets."""

from __future__ import annotations

from iflow_relay.agent.life import make_environment
from iflow_relay.agent.spec import BUILTIN, AgentSpec

OURS = {"PATH": "/bin", "IFLOW_API_KEY": "sk-ours", "iflow_apiKey": "sk-ours", "HOME": "/h"}


def test_an_agent_does_not_get_the_relays_own_keys() -> None:
    """They are the upstream's; what its table in agents.toml names is the user's choice."""
    spec = AgentSpec("other", "other", env={"OPENAI_API_KEY": "unused", "IFLOW_X": "1"})
    assert make_environment(OURS, spec) == {
        "PATH": "/bin",
        "HOME": "/h",
        "OPENAI_API_KEY": "unused",
        "IFLOW_X": "1",
    }


def test_iflows_own_agent_gets_them() -> None:
    """It is by these that its user has it log in."""
    assert make_environment(OURS, BUILTIN) == OURS
