"""The current credential: which upstream, which key, and where each came from."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

from .config import Config
from .credential import DEFAULT_BASE_URL, BaseUrl, Secret, parse_base_url
from .errors import CredentialError, NotLoggedIn, RelayError, SettingsInvalid
from .settings import Sourced, from_environment
from .store import CredentialStore, Signature, Stored
from .succession import Successors, Unwritten
from .tokens import Held, Tokens

logger = logging.getLogger(__name__)

_PRINTABLE = re.compile(r"[!-~]+")

HOW_TO_LOG_IN = (
    "run `iflow-relay login`, which writes ~/.iflow/settings.json, or set IFLOW_API_KEY and "
    "IFLOW_BASE_URL"
)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where requests go and with what; `origins` says for each value where it came from."""

    base_url: BaseUrl
    key: Secret | None
    model: str | None
    origins: Mapping[str, str]
    tokens: Tokens | None = None
    """What renews the key; None where nothing does."""

    @property
    def held(self) -> Held | None:
        """The key with what renews it; None where nothing does."""
        return Held(self.key, self.tokens) if self.key and self.tokens else None


class Session:
    """Gives the upstream of now; files are looked at again only when they have changed."""

    def __init__(
        self, config: Config, environ: Mapping[str, str], successors: Successors | None = None
    ) -> None:
        self._config = config
        self._environ = environ
        self._store = CredentialStore(config.settings, environ)
        self._signature: Signature | None = None
        self._upstream: Upstream | None = None
        self._successors = successors or Successors()
        self.unwritten: Unwritten | None = None
        """What is in use though the file says something older; None where they agree."""
        self.problem: RelayError | None = None
        self.found: dict[str, Sourced] = {}
        """What was found for each value, used or not: the key unmasked, for `status` to mask."""

    def current(self) -> Upstream:
        """The upstream; raises NotLoggedIn or SettingsInvalid where there is none."""
        self.refresh()
        if self._upstream is None:
            # A fresh one each time: an exception that is raised twice keeps its old traceback.
            problem = self.problem or NotLoggedIn("")
            raise type(problem)(problem.message)
        return self._upstream

    @property
    def config(self) -> Config:
        """The options that it was made with."""
        return self._config

    @property
    def is_logged_in(self) -> bool:
        """Whether there is an upstream with all that it needs, as of the last look."""
        return self._upstream is not None

    def refresh(self) -> None:
        """Read the files again if they changed; what was good goes on if they broke."""
        signature = self._store.signature()
        if signature != self._signature:
            self._read(signature)

    def read_again(self) -> None:
        """Read the files though they may look as before: what came after them is known now."""
        self._read(self._store.signature())

    def _read(self, signature: Signature) -> None:
        try:
            self._upstream, self.problem = self._resolve(self._load()), None
        except NotLoggedIn as problem:
            self._upstream, self.problem = None, problem
        except CredentialError as problem:
            self.problem = problem
            if self._upstream is not None:
                logger.warning("%s The last good credentials go on serving.", problem.message)
        # Which files matter may have changed with what was read in them.
        self._signature = (*signature, *self._store.signature()[len(signature) :])
        if not self._store.needs_companions:
            self._signature = self._signature[:1]

    def _load(self) -> Stored:
        """What the files say; they may be broken where options and environment say it all."""
        try:
            return self._store.load()
        except ValueError as error:
            if self._from_above("baseUrl") and self._from_above("apiKey"):
                logger.warning("%s: it is not needed, options and environment say it all.", error)
                return Stored(False)
            raise SettingsInvalid(f"{error}. Mend the file: it is read again at once.") from error

    def _from_above(self, name: str) -> Sourced | None:
        """The value of an option, else of the environment."""
        option = {"apiKey": self._config.api_key, "baseUrl": self._config.base_url}.get(name)
        if isinstance(option, Secret):
            return Sourced(option.reveal(), "option iflow_api_key")
        if option is not None:
            return Sourced(str(option), "option iflow_base_url")
        return from_environment(name, self._environ)

    def _resolve(self, stored: Stored) -> Upstream:
        """Each value from the highest place that has it."""
        address = self._from_above("baseUrl") or stored.base_url
        address = address or Sourced(DEFAULT_BASE_URL, "default")
        above = self._from_above("apiKey")
        key = above or stored.api_key
        model = self._from_above("modelName") or stored.model
        found = {"base_url": address, "api_key": key, "model": model}
        self.found = {name: value for name, value in found.items() if value}
        try:
            base_url = parse_base_url(address.value)
        except ValueError as error:
            raise SettingsInvalid(f"The base URL ({address.origin}) is wrong: {error}") from error
        if key is None and not base_url.is_loopback:
            raise NotLoggedIn(f"There is no API key for {base_url}: {HOW_TO_LOG_IN}.")
        if key is not None and not _PRINTABLE.fullmatch(key.value):
            raise SettingsInvalid(
                f"The key ({key.origin}) has blanks or letters that no header can carry."
            )
        secret = Secret(key.value) if key else None
        tokens = None if above else _tokens_for(base_url, stored.tokens)
        self.unwritten = None
        old = Held(secret, tokens) if secret and tokens else None
        if old and (after := self._successors.latest(old)):
            self.unwritten = Unwritten(old, after)
            secret, tokens = after.key, after.tokens
        return Upstream(
            base_url,
            secret,
            model.value if model else None,
            {name: value.origin for name, value in self.found.items()},
            tokens,
        )


def _tokens_for(base_url: BaseUrl, tokens: Tokens | None) -> Tokens | None:
    """The tokens, where what they renew belongs to this upstream.

    A file may hold another program's login beside a base URL and a key that were put in later: to
    renew there would overwrite that key, and send iFlow's to somebody else.
    """
    return tokens if tokens and (tokens.marked or base_url.is_iflow) else None
