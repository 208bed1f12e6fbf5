"""The relay's options, as mitmproxy declares them and the README lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .dialects.chat import RULES
from .guard import LOOPBACK
from .next_proxy import AUTO


@dataclass(frozen=True, slots=True)
class Option:
    """One option as mitmproxy declares it."""

    name: str
    type: Any
    default: Any
    help: str


OPTIONS = (
    Option("iflow_settings", str, "~/.iflow/settings.json", "Credential file; re-read on change."),
    Option(
        "iflow_base_url",
        str,
        "",
        "Upstream, over IFLOW_BASE_URL, over settings.json's baseUrl, over iFlow's own.",
    ),
    Option(
        "iflow_api_key",
        str,
        "",
        "Key, over IFLOW_API_KEY, over settings.json's apiKey. Others can see a command line: "
        "prefer the environment or the file.",
    ),
    Option(
        "iflow_oauth_url",
        str,
        "",
        "OAuth service, over IFLOW_OAUTH_URL, over https://iflow.cn.",
    ),
    Option(
        "iflow_oauth_client_secret",
        str,
        "",
        "Client secret of the OAuth service, over IFLOW_OAUTH_CLIENT_SECRET; without one a login "
        "by OAuth and its renewal cannot be had.",
    ),
    Option(
        "iflow_user_agent",
        str,
        "auto",
        "auto: iFlow-Cli to iFlow's hosts, the client's own elsewhere; client; or a literal.",
    ),
    Option(
        "iflow_hosts",
        Sequence[str],
        ["iflow.internal", "api.openai.com"],
        "Virtual hosts: exact names or *.example.com.",
    ),
    Option(
        "iflow_models",
        str,
        "auto",
        "auto: built-in table for iFlow, the upstream's list elsewhere; builtin; upstream; a file.",
    ),
    Option(
        "iflow_model_map", Sequence[str], [], "pattern=model rules; the first that matches wins."
    ),
    Option(
        "iflow_report_model",
        str,
        "run",
        "The model that answers name: run, the one that really ran; requested, the one asked for.",
    ),
    Option(
        "iflow_pinned",
        str,
        "refuse",
        "Where a client does not trust our certificate for a virtual host: refuse; or tunnel, "
        "which hands its further requests to the original host.",
    ),
    Option(
        "iflow_next_proxy",
        str,
        AUTO,
        "Proxy behind the relay: environment (HTTPS_PROXY and the like), none, or an address.",
    ),
    Option(
        "iflow_local_keys",
        Sequence[str],
        [],
        "Keys that clients must present; needed to listen beyond loopback.",
    ),
    Option(
        "iflow_cors_origins",
        Sequence[str],
        [LOOPBACK],
        "Browser origins that may call: loopback, https://app.example.com, or patterns with *.",
    ),
    Option(
        "iflow_max_concurrency", int, 0, "Upstream calls at once; more wait in line. 0: no limit."
    ),
    Option("iflow_timeout", int, 300, "Seconds for which the upstream may be silent."),
    Option("iflow_max_body", str, "64m", "Largest request body, with k, m or g; more gets 413."),
    Option(
        "iflow_normalise",
        Sequence[str],
        list(RULES),
        f"Rules that repair answers: {', '.join(RULES)}; or none.",
    ),
    Option("iflow_show_credentials", bool, False, "Keep real keys visible in recorded flows."),
    Option(
        "iflow_keep_flows",
        str,
        "2000,512m",
        "Calls, and bytes of bodies in all, that mitmweb and mitmproxy keep: older ones lose their "
        "bodies. off: keep all.",
    ),
    Option(
        "iflow_ledger",
        str,
        "on",
        "A row for each call, without its content: on, in your data folder; off; or a file.",
    ),
    Option("iflow_ledger_days", int, 90, "Days for which the ledger keeps a call."),
    Option("iflow_record", str, "", "File to which calls are recorded; see iflow-relay record."),
    Option("iflow_replay", str, "", "File from which calls are answered; see iflow-relay replay."),
    Option(
        "iflow_replay_speed",
        str,
        "1",
        "How fast recorded answers are played: 1 as they came, 2 in half the time, 0 at once.",
    ),
)
