"""iFlow's OAuth: what is to be sent (`asking`), and what comes back (`answers`); sends nothing."""

from __future__ import annotations

from .answers import Account as Account
from .answers import Tokens as Tokens
from .answers import parse_account as parse_account
from .answers import parse_tokens as parse_tokens
from .asking import CALLBACK_PATH as CALLBACK_PATH
from .asking import CLIENT_ID as CLIENT_ID
from .asking import DEFAULT_URL as DEFAULT_URL
from .asking import OAuthClient as OAuthClient
from .asking import Request as Request
from .asking import authorize_url as authorize_url
from .asking import find_client as find_client
from .asking import parse_callback as parse_callback
from .asking import prepare_account as prepare_account
from .asking import prepare_exchange as prepare_exchange
from .asking import prepare_refresh as prepare_refresh
