"""Trust in mitmproxy's certificates: the authority, the bundle, and the stores of this machine."""
