"""Whether the trust stores of this machine know the certificate authority."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..trust.authority import Authority
from ..trust.store import Store, Trust
from .verdict import Verdict, ok, skipped, warning


def check_stores(stores: Iterable[Store], authority: Authority | None) -> Iterator[Verdict]:
    """A verdict on each store that this machine has."""
    present = [store for store in stores if store.present]
    if authority is None:
        yield skipped("stores", "there is no good authority to look for")
        return
    for store in present:
        yield _check(store, authority)
    if not present:
        yield skipped("stores", "none that is known is here")


def _check(store: Store, authority: Authority) -> Verdict:
    found = store.look(authority)
    if found.trust is Trust.YES:
        return ok(store.name, f"trusts the authority ({store.place})")
    if found.trust is Trust.UNKNOWN:
        return skipped(store.name, f"cannot be read ({store.place})", found.note)
    install = f"iflow-relay ca install --store {store.name}"
    if found.trust is Trust.ANOTHER:
        return warning(store.name, f"trusts an older authority of ours ({store.place})", install)
    return warning(store.name, f"does not trust the authority ({store.place})", install)
