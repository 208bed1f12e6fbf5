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

logger = logging.getLogger(__name__)

_PRINTABLE = re.compile(r"[!-~]+")

HOW_TO_LOG_IN = (
    'write {"apiKey": "…", "baseUrl": "https://…/v1"} into ~/.iflow/settings.json, or set '
    "IFLOW_API_KEY and IFLOW_BASE_URL"
)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where requests go and with what; `origins` says for each value where it came from."""

    base_url: BaseUrl
    key: Secret | None
    model: str | None
    origins: Mapping[str, str]


class Session:
    """Gives the upstream of now; files are looked at again only when they have changed."""

    def __init__(self, config: Config, environ: Mapping[str, str]) -> None:
        self._config = config
        self._environ = environ
        self._store = CredentialStore(config.settings, environ)
        self._signature: Signature | None = None
        self._upstream: Upstream | None = None
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
    def is_logged_in(self) -> bool:
        """Whether there is an upstream with all that it needs, as of the last look."""
        return self._upstream is not None

    def refresh(self) -> None:
        """Read the files again if they changed; what was good goes on if they broke."""
        signature = self._store.signature()
        if signature == self._signature:
            return
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
        key = self._from_above("apiKey") or stored.api_key
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
        return Upstream(
            base_url,
            Secret(key.value) if key else None,
            model.value if model else None,
            {name: value.origin for name, value in self.found.items()},
        )
