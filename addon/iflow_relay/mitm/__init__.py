"""Everything that knows mitmproxy: the addons, their options and the protocol layer."""
