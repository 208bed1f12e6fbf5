"""An OpenAI endpoint and re-aimed virtual hosts, as a mitmproxy addon."""

__version__ = "0.1.0"
