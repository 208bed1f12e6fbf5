"""Measures the relay, bare mitmproxy and a direct connection side by side, on this machine."""
