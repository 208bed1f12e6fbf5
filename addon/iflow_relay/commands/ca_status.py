"""How `iflow-relay ca status` shows the authority and the stores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import click

from ..console import print_table
from ..trust.authority import Authority
from ..trust.steps import describe
from ..trust.store import Found, Store, Trust


class Looked(NamedTuple):
    """A store and what is in it."""

    store: Store
    found: Found


def look(store: Store, authority: Authority | None) -> Looked:
    """Look into the store, if it is there."""
    return Looked(store, store.look(authority) if store.present else Found(Trust.NO))


def print_status(authority: Authority | None, looked: list[Looked]) -> None:
    """The authority's file, age and fingerprint, and a line for each store."""
    if authority:
        click.echo(authority.certificate)
        click.echo(f"{authority.subject}, valid until {authority.not_after.date()}")
        click.echo(f"SHA-256 {authority.sha256}\n")
    print_table(
        ("store", "here", "trusts it", "what to do", "place"), [_row(*one) for one in looked]
    )


def render_status(
    authority: Authority | None, problem: str | None, looked: list[Looked]
) -> dict[str, Any]:
    """The same as JSON, with the steps of an install."""
    return {
        "ok": problem is None,
        "problem": problem,
        "authority": _render_authority(authority) if authority else None,
        "stores": [_render_store(authority, *one) for one in looked],
    }


def _row(store: Store, found: Found) -> tuple[str, ...]:
    if not store.present:
        return (store.name, "no", "", "", _short(store.place))
    return (store.name, "yes", str(found.trust), _remedy(store, found), _short(store.place))


def _short(place: str) -> str:
    """The place as its owner writes it."""
    home = str(Path.home())
    return place.replace(home, "~", 1) if place.startswith(home + os.sep) else place


def _remedy(store: Store, found: Found) -> str:
    if not store.present or found.trust is Trust.YES:
        return ""
    root = " (needs root)" if store.needs_root else ""
    return found.note or store.lacks() or f"ca install --store {store.name}{root}"


def _render_authority(authority: Authority) -> dict[str, str]:
    return {
        "certificate": str(authority.certificate),
        "subject": authority.subject,
        "not_after": authority.not_after.isoformat(),
        "sha256": authority.sha256,
    }


def _render_store(authority: Authority | None, store: Store, found: Found) -> dict[str, Any]:
    return {
        "store": store.name,
        "place": store.place,
        "present": store.present,
        "trusts": str(found.trust),
        "needs_root": store.needs_root,
        "what_to_do": _remedy(store, found) or None,
        "steps": _steps(authority, store, found),
    }


def _steps(authority: Authority | None, store: Store, found: Found) -> list[str]:
    """What an install would do."""
    if authority is None or not store.present or found.trust is Trust.YES:
        return []
    return [describe(step) for step in store.install(authority, found)]
