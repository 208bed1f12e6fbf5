"""A call to the upstream with the user's key that costs nothing: the list of its models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from .. import fetch
from ..catalog import NO_LIST
from ..credential import BaseUrl
from ..errors import RelayError
from ..next_proxy import Proxy
from ..refusal import read_failure, read_list, read_redirect
from ..session import Upstream
from .patience import Stopwatch
from .reach import MakeContext
from .verdict import Verdict, failure, ok, warning

if TYPE_CHECKING:
    import httpx2

WAIT: Final = 15.0
"""Seconds of silence until a call is given up."""

NEW_KEY: Final = "make a new key at the upstream, then: iflow-relay login"


class Listed(NamedTuple):
    """What asking for the list of models came to; `models` is empty where there is none."""

    verdict: Verdict
    models: tuple[str, ...] = ()


@contextmanager
def open_client(
    upstream: Upstream, proxy: Proxy | None, make_context: MakeContext, agent: str
) -> Iterator[httpx2.Client]:
    """A client that is to the upstream what the relay is."""
    base = upstream.base_url
    context = make_context() if base.scheme == "https" else None
    with fetch.open_client(base, upstream.key, agent, WAIT, proxy, context) as client:
        yield client


def list_models(client: httpx2.Client, upstream: Upstream) -> Listed:
    """Ask for the list of models, which upstreams give to whoever has a key."""
    import httpx2

    watch = Stopwatch()
    try:
        answer = client.get(f"{upstream.base_url}/models")
    except httpx2.HTTPError as error:
        why = str(error) or type(error).__name__
        return Listed(failure("answer", f"none came: {why}", "try again later"))
    try:
        models = _read_models(answer)
    except RelayError as error:
        return Listed(judge(answer.status_code, error, upstream))
    return Listed(ok("answer", f"{len(models)} models, {watch}"), models)


def _read_models(answer: httpx2.Response) -> tuple[str, ...]:
    """The names in a list; raises the error that the answer really is."""
    status = answer.status_code
    if answer.is_redirect:
        raise read_redirect(status, answer.headers.get("location", ""))
    if status >= 300:
        raise read_failure(status, answer.content)
    return tuple(str(entry.get("id")) for entry in read_list(answer.content))


def judge(status: int, error: RelayError, upstream: Upstream) -> Verdict:
    """What an answer means that is no list of models; `status` is that on the wire."""
    message = error.redact(upstream.key.redact).message if upstream.key else error.message
    if status in NO_LIST:
        return _without_list(status, upstream.base_url)
    if error.status in (401, 403):
        origin = upstream.origins.get("api_key", "nowhere")
        return failure("answer", f"the key (from {origin}) is refused: {message}", NEW_KEY)
    if error.status == 429:
        return warning("answer", message, "wait, or look up the limits of your account")
    if error.status == 402:
        return failure("answer", message, "look up what is left in your account")
    return failure("answer", message, "is the base URL right (most end in /v1)? Else try later")


def _without_list(status: int, base: BaseUrl) -> Verdict:
    if not base.path:
        what = f"{status} to GET {base}/models: no such path there"
        return warning("answer", what, f"most base URLs end in /v1: try {base}/v1")
    return ok("answer", f"it answers, but has no list of models ({status}): {ONLY_LIVE}")


ONLY_LIVE: Final = "whether it takes the key, --live shows"
