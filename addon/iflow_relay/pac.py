"""The PAC file: browsers and systems that use it send the virtual hosts here, the rest nowhere.

A relay that is down therefore harms nothing but the virtual hosts, and those fail closed: after the
proxy no `DIRECT` is named for them, else a browser would go to the original host by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from .routing import HostPattern

MEDIA_TYPE = "application/x-ns-proxy-autoconfig"


def render_pac(hosts: Iterable[HostPattern], proxy: str) -> str:
    """A PAC file that sends these hosts to the proxy at `127.0.0.1:8080`."""
    rules = [
        f"suffix(host, {json.dumps('.' + pattern.name)})"
        if pattern.wildcard
        else f"host === {json.dumps(pattern.name)}"
        for pattern in hosts
    ]
    condition = " ||\n      ".join(rules) or "false"
    return f"""\
// iflow-relay: virtual hosts by proxy, everything else direct.
function suffix(host, end) {{
  return host.length > end.length && host.slice(-end.length) === end;
}}
function FindProxyForURL(url, host) {{
  host = host.toLowerCase().replace(/\\.$/, "");
  if ({condition}) {{
    return "PROXY {proxy}";
  }}
  return "DIRECT";
}}
"""
