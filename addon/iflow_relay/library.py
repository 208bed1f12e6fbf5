"""The user's models.toml, re-read when it changes, and what the upstream's own list has taught."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import platformdirs

from .catalog import BUILTIN, Overlay, parse_overlay, render_model
from .credential import BaseUrl

logger = logging.getLogger(__name__)


class Library:
    """What is known of models beyond the built-in table."""

    def __init__(self) -> None:
        self._own = platformdirs.user_config_path("iflow-relay") / "models.toml"
        self._path = self._own
        self._models = "auto"
        self._stamp: tuple[int, int] | None = None
        self._overlay = Overlay()
        self._learned: dict[BaseUrl, tuple[str, ...]] = {}

    def use(self, models: str) -> None:
        """Take `iflow_models`: where it names a file, that file stands in for models.toml."""
        self._models = models
        named = models not in ("auto", "builtin", "upstream")
        path = Path(models) if named else self._own
        if path != self._path:
            self._path, self._stamp, self._overlay = path, None, Overlay()

    def overlay(self) -> Overlay:
        """What the file adds, changes or hides; the last good one while the file is broken."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            self._overlay = self._read() if stamp else Overlay()
        return self._overlay

    def own_list(self, base_url: BaseUrl | None) -> list[dict[str, Any]] | None:
        """The catalog where it is not the upstream's to give: the built-in table, or a file.

        `base_url` is None where the upstream is not known, which only `auto` asks about.
        """
        is_iflow = base_url is not None and base_url.is_iflow
        if self._models == "upstream" or (self._models == "auto" and not is_iflow):
            return None
        builtin = BUILTIN if self._models in ("auto", "builtin") else ()
        return self.overlay().apply(map(render_model, builtin))

    def overlay_ids(self) -> frozenset[str]:
        """The ids that the file adds or changes."""
        return frozenset(str(entry["id"]) for entry in self.overlay().entries)

    def learn(self, base_url: BaseUrl, ids: Iterable[str]) -> None:
        """Remember what an upstream has, in its order; nothing where it has no list."""
        self._learned[base_url] = tuple(ids)

    def learned(self, base_url: BaseUrl) -> tuple[str, ...] | None:
        """The ids that an upstream last listed; None where it was never asked."""
        return self._learned.get(base_url)

    def _look(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def _read(self) -> Overlay:
        try:
            return parse_overlay(self._path.read_text("utf-8-sig"))
        except (OSError, ValueError) as error:
            logger.warning("%s is not used: %s", self._path, error)
            return self._overlay
