"""The page's JSON calls: what each reads, does, and says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..errors import InvalidRequest, RelayError
from ..login.overrides import find_overrides
from ..offer import list_models_of
from ..upstreams import known_upstreams
from .asked import Asked
from .inside import Inside
from .keys import KeyForm, log_in_by_key
from .logins import Logins
from .reading import read_flag, read_text
from .redacting import make_redact
from .state import can_log_out, render_state
from .usage import Usage

Json = dict[str, Any]

SHOWN: Final = ("id", "name", "description")
"""Members of a catalog's entry that the page shows."""


class Calls:
    """Each call by what it is for; all raise RelayError, and give what is said as JSON."""

    def __init__(
        self, inside: Inside, environ: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        self._inside = inside
        self._environ = environ
        self._clock = clock
        self.logins = Logins(inside, environ, clock)
        self._usage = Usage(inside, clock)

    async def state(self, asked: Asked, posted: Json) -> Json:
        """All that the page shows but the lists below."""
        inside = self._inside
        inside.session.refresh()
        has_ours = await asyncio.to_thread(can_log_out, inside.config.settings)
        return render_state(
            inside,
            self.logins.view(),
            now=self._clock(),
            can_log_out=has_ours,
            overrides=find_overrides(inside.config, self._environ),
            redact=make_redact(inside, self._environ),
        )

    async def upstreams(self, asked: Asked, posted: Json) -> Json:
        """The upstreams that are known by name."""
        shown = ("name", "title", "base_url", "needs_key", "keys_at")
        known = [upstream._asdict() for upstream in known_upstreams()]
        return {"upstreams": [{name: entry[name] for name in shown} for entry in known]}

    async def models(self, asked: Asked, posted: Json) -> Json:
        """The catalog as clients get it, and where it comes from."""
        inside, config = self._inside, self._inside.config
        upstream = inside.session.current()
        base = upstream.base_url
        proxy = inside.next_proxy(base.scheme, base.host, base.port)
        is_own = inside.library.own_list(base) is not None
        entries = await asyncio.to_thread(
            list_models_of,
            upstream,
            inside.library,
            config.user_agent,
            proxy,
            inside.verification,
        )
        named = config.models not in ("auto", "builtin", "upstream")
        return {
            "models": [
                {name: entry[name] for name in SHOWN if isinstance(entry.get(name), str)}
                for entry in (*entries, *inside.agent_entries())
            ],
            "source": "file" if named else "builtin" if is_own else "upstream",
        }

    async def usage(self, asked: Asked, posted: Json) -> Json:
        """What the ledger has of the span that is asked for."""
        return await self._usage.document(asked, make_redact(self._inside, self._environ))

    async def log_in_by_key(self, asked: Asked, posted: Json) -> Json:
        """Try a key and write it."""
        form = _read_form(posted)
        try:
            written = await log_in_by_key(self._inside, self._environ, form)
        except RelayError as error:
            self.logins.note("key", error.message, error)
            raise
        self.logins.note("key", written.message, None)
        return {"ok": True, **written._asdict()}

    async def log_in_by_oauth(self, asked: Asked, posted: Json) -> Json:
        """Begin an OAuth login; its callback comes to the address that the page was reached by."""
        replace = read_flag(posted, "replace_damaged", default=False)
        pending = await self.logins.begin(asked.origin, replace_damaged=replace)
        return {"url": pending.url, "until": pending.until}

    async def paste(self, asked: Asked, posted: Json) -> Json:
        """Finish an OAuth login from another machine's browser."""
        pasted = read_text(posted, "url")
        if pasted is None:
            raise InvalidRequest("Paste the address that the browser was sent to.", param="url")
        await self.logins.take_pasted(pasted)
        return {"ok": True}

    async def cancel(self, asked: Asked, posted: Json) -> Json:
        """Give up the OAuth login under way."""
        self.logins.cancel()
        return {"ok": True}

    async def log_out(self, asked: Asked, posted: Json) -> Json:
        """Remove what a login has written, and say what still gives a key."""
        gone = await self.logins.log_out()
        above = find_overrides(self._inside.config, self._environ).get("key")
        kept = [f"The key of the {above} stays."] if above else []
        return {"ok": True, "removed": list(gone.removed), "kept": [*kept, *gone.kept]}


def _read_form(posted: Json) -> KeyForm:
    return KeyForm(
        key=read_text(posted, "key") or "",
        upstream=read_text(posted, "upstream"),
        base_url=read_text(posted, "base_url"),
        model=read_text(posted, "model"),
        check=read_flag(posted, "check", default=True),
        replace_damaged=read_flag(posted, "replace_damaged", default=False),
    )
