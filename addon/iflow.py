"""The script mitmproxy loads: `mitmdump -s addon/iflow.py`."""

from iflow_relay.mitm.addons import make_addons

addons = make_addons()
