"""Whether an upstream takes a key, found out with a call that costs nothing, or next to nothing.

The list of models comes first. It proves nothing where it is open to all (as OpenRouter's is) or
there is none; then a model is asked for one token.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from .catalog import BUILTIN, NO_LIST
from .credential import BaseUrl, Secret
from .errors import RelayError, UpstreamUnreachable
from .fetch import open_client, reaching
from .next_proxy import Proxy
from .refusal import read_failure, read_list, read_redirect, read_short

if TYPE_CHECKING:
    import httpx2

MAX_BODY: Final = 16 << 20
"""Bytes of an answer that are read: the longest lists of models have one or two million."""

MAX_WORDS: Final = 300
"""Letters of an upstream's message that are passed on."""

WITHOUT_LIST: Final = (*NO_LIST, 400)
"""iFlow answers 400 to `GET /models`, and to a wrong key nothing of the kind."""

_ABOUT_KEY: Final = re.compile(
    r"api.?key\b.{0,20}\b(?:not valid|invalid|incorrect)|\b(?:in)?(?:valid|correct) api.?key",
    re.IGNORECASE,
)
"""What Gemini (`API key not valid`) and xAI (`Incorrect API key`) say to a wrong key with a 400."""

_NO_CHAT: Final = re.compile(r"embed|rerank|whisper|tts|audio|speech|image|moderation|ocr|video")
"""In names of models that cannot be chatted with."""


class Check(NamedTuple):
    """What came of it, in a message that says what to do; `models` is what the upstream lists."""

    result: Literal["accepted", "refused", "unsure"]
    message: str
    models: tuple[str, ...] = ()


class Answer(NamedTuple):
    """What an upstream answered; `location` where it points elsewhere."""

    status: int
    body: bytes
    location: str | None = None


def check_key(
    base_url: BaseUrl,
    key: Secret | None,
    model: str | None,
    agent: str,
    proxy: Proxy | None = None,
    timeout: float = 15.0,
    *,
    context: ssl.SSLContext | None = None,
) -> Check:
    """Try the key, or none; `timeout` in seconds for each call. Raises UpstreamUnreachable."""
    with Caller.opened(base_url, key, agent, proxy, timeout, context) as caller:
        try:
            models = caller.list_models()
        except UpstreamUnreachable:
            raise
        except RelayError as error:
            return _judge(caller, error)
        if models is None:
            return _without_list(caller, model)
        if key is None:
            return Check("accepted", f"It lists {_count(models)} and wants no key.", models)
        with Caller.opened(base_url, None, agent, proxy, timeout, context) as anybody:
            if not _is_open(anybody):
                return Check("accepted", f"The key is accepted: {_count(models)}.", models)
        return _chat(caller, _choose(base_url, model, models))._replace(models=models)


class Caller:
    """Asks an upstream, with a key or without one."""

    def __init__(self, client: httpx2.Client, base_url: BaseUrl, key: Secret | None) -> None:
        self._client = client
        self._patience = float(client.timeout.read or 0)
        self.base_url = base_url
        self.key = key

    @classmethod
    @contextmanager
    def opened(
        cls,
        base_url: BaseUrl,
        key: Secret | None,
        agent: str,
        proxy: Proxy | None,
        timeout: float,
        context: ssl.SSLContext | None,
    ) -> Iterator[Caller]:
        """One to be asked within the block."""
        with open_client(base_url, key, agent, timeout, proxy, context) as client:
            yield cls(client, base_url, key)

    def list_models(self) -> tuple[str, ...] | None:
        """The names in its list, None where it has none; raises the error that the answer is."""
        answer = self._ask("GET", "/models")
        if answer.status in WITHOUT_LIST and not _is_about_key(answer):
            return None
        _check(answer)
        return tuple(str(entry.get("id")) for entry in read_list(answer.body))

    def chat(self, model: str) -> None:
        """Ask the model for one token; raises the error that the answer really is."""
        question = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
        answer = self._ask("POST", "/chat/completions", question | {"max_tokens": 1})
        if answer.status in (400, 422) and not _is_about_key(answer):
            # OpenAI's newer models know the limit by another name only.
            other = question | {"max_completion_tokens": 16}
            answer = self._ask("POST", "/chat/completions", other)
        _check(answer)

    def words(self, error: RelayError) -> str:
        """What the error says, fit for a terminal, without the key."""
        text = self.key.redact(error.message) if self.key else error.message
        return "".join(letter if letter.isprintable() else " " for letter in text)[:MAX_WORDS]

    def _ask(self, method: str, path: str, document: dict[str, Any] | None = None) -> Answer:
        url, end = f"{self.base_url}{path}", time.monotonic() + self._patience
        with (
            reaching(self.base_url),
            self._client.stream(method, url, json=document) as answer,
        ):
            body = bytearray()
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > MAX_BODY or time.monotonic() > end:
                    raise UpstreamUnreachable(f"{self.base_url} does not come to an end.")
            location = answer.headers.get("location", "") if answer.is_redirect else None
            return Answer(answer.status_code, bytes(body), location)


def _check(answer: Answer) -> None:
    """Raises the error that an answer is, be it inside a 200."""
    if answer.location is not None:
        raise read_redirect(answer.status, answer.location)
    if answer.status >= 300:
        raise read_failure(answer.status, answer.body)
    if refusal := read_short(answer.body):
        raise refusal


def _is_about_key(answer: Answer) -> bool:
    """Whether a 400 says that the key is wrong."""
    text = answer.body[: 4 * MAX_WORDS].decode("utf-8", "replace")
    return answer.status == 400 and _ABOUT_KEY.search(text) is not None


def _is_open(anybody: Caller) -> bool:
    """Whether the list of models is given to those without a key too, so that it proves nothing."""
    try:
        anybody.list_models()
    except RelayError as error:
        return error.status not in (401, 403) and not _ABOUT_KEY.search(error.message)
    return True


def _without_list(caller: Caller, model: str | None) -> Check:
    """What a model's answer says, where that is all there is to go by."""
    check = _chat(caller, _choose(caller.base_url, model, ()))
    if check.result != "unsure" or caller.base_url.path:
        return check
    advice = f"Most base URLs end in /v1: is it {caller.base_url}/v1?"
    return check._replace(message=f"{check.message} {advice}")


def _choose(base_url: BaseUrl, model: str | None, models: tuple[str, ...]) -> str | None:
    """The model to ask for a token: the one that was named, else one that there surely is."""
    if model:
        return model
    if base_url.is_iflow:
        return BUILTIN[0].id
    return next((name for name in models if not _NO_CHAT.search(name.lower())), None)


def _chat(caller: Caller, model: str | None) -> Check:
    """Whether a model answers."""
    if model is None:
        return Check(
            "unsure",
            "It answers, but whether the key is good cannot be told: name a model to try it on.",
        )
    try:
        caller.chat(model)
    except UpstreamUnreachable as error:
        return Check("unsure", f"{model} does not answer: {caller.words(error)}")
    except RelayError as error:
        return _judge(caller, error, f"{model}: ")
    what = "The key is accepted" if caller.key else "It wants no key"
    return Check("accepted", f"{what}: {model} answers.")


def _judge(caller: Caller, error: RelayError, who: str = "") -> Check:
    """What an upstream's error says of the key."""
    words = caller.words(error)
    if error.status in (401, 403) or _ABOUT_KEY.search(words):
        what = "The key is refused" if caller.key else "It wants a key"
        return Check("refused", f"{what}: {words}")
    known = "The key is known" if caller.key else "It answers"
    if error.status == 402:
        return Check("accepted", f"{known}, but the account has nothing left: {words}")
    if error.status == 429:
        return Check("accepted", f"{known}, but it has been asked too much for now: {words}")
    return Check("unsure", f"Whether the key is good cannot be told: {who}{words}")


def _count(models: tuple[str, ...]) -> str:
    return f"{len(models)} model{'' if len(models) == 1 else 's'}"
