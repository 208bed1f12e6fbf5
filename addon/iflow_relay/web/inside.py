"""What the page has to know of the relay that serves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from ..config import Config
from ..library import Library
from ..next_proxy import Proxy
from ..session import Session
from ..troubles import Trouble
from ..verification import Verification

RenewalState = Literal["none", "idle", "running", "retrying", "refused"]


class RenewalView(Protocol):
    """How the renewal of the key stands; `message` says in words what it last met."""

    @property
    def state(self) -> RenewalState:
        """What it does: nothing to renew, waiting, under way, trying again, refused for good."""

    @property
    def is_over(self) -> bool:
        """Whether the key has ended, or was refused, and no other has come in its place."""

    @property
    def message(self) -> str | None:
        """What it last met, in words and without secrets; None where all is well."""


class Inside(Protocol):
    """The relay's own state; every value is that of now, as options can change while it runs."""

    @property
    def config(self) -> Config:
        """The options."""

    @property
    def session(self) -> Session:
        """Whose credential is in use."""

    @property
    def library(self) -> Library:
        """What is known of models."""

    @property
    def endpoint(self) -> str | None:
        """Where clients call, like `http://127.0.0.1:8000`; None where nobody listens."""

    @property
    def proxy(self) -> str | None:
        """Where the proxy listens, like `http://127.0.0.1:8080`; None where there is none."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Connections so far, by what was done with them."""

    @property
    def troubles(self) -> Sequence[Trouble]:
        """The last errors, newest first."""

    @property
    def renewal(self) -> RenewalView:
        """How the renewal of the key stands."""

    @property
    def verification(self) -> Verification:
        """What is demanded of the certificates of those who are called."""

    def agent_entries(self) -> list[dict[str, Any]]:
        """The agents that could be called, as entries of the catalog."""

    def next_proxy(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy on the way there; None where the way is direct."""
