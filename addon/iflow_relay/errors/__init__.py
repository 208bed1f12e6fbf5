"""Everything that can go wrong, as one tree; each class says its status, its code and what to do.

RelayError
├── RequestError             400  the client's request is at fault; nothing was sent
│   ├── InvalidJson          400  invalid_json
│   ├── InvalidRequest       400  invalid_request
│   ├── InvalidPath          400  invalid_path
│   ├── InvalidHttp          400  invalid_http
│   ├── WrongKey             401  invalid_api_key
│   │   └── PageKeyWanted    401  invalid_api_key
│   ├── ForbiddenHost        403  forbidden_host
│   ├── ForbiddenOrigin      403  forbidden_origin
│   ├── NotFound             404  not_found, model_not_found
│   ├── NotRecorded          404  not_recorded
│   ├── MethodNotAllowed     405  method_not_allowed
│   ├── RequestTooLarge      413  request_too_large
│   ├── UnsupportedMedia     415  unsupported_media_type
│   ├── WebSocketRefused     426  websocket_unsupported
│   ├── HeadTooLarge         431  head_too_large
│   └── LoopDetected         508  loop_detected
├── CredentialError               the relay has nothing to log in with
│   ├── NotLoggedIn          401  not_logged_in
│   ├── LoginRequired        401  login_required
│   ├── SettingsInvalid      503  settings_invalid
│   ├── CredentialRenewed    503  credential_renewed
│   └── CredentialRenewing   503  credential_renewing
├── LoginError                    a login, or what it writes, did not come about
│   ├── LoginRefused         400  login_refused, key_refused, state_mismatch, …
│   ├── LoginUnavailable     409  oauth_unavailable
│   ├── SettingsDamaged      409  settings_damaged
│   ├── SettingsNotWritten   500  settings_not_written
│   └── LoginServiceFailed   502  login_service_failed
├── UpstreamError                 the upstream is at fault
│   ├── UpstreamUnreachable  502  upstream_unreachable
│   ├── UpstreamBroken       502  upstream_broken
│   ├── UpstreamInvalid      502  upstream_invalid
│   ├── EmptyResponse        502  empty_response
│   ├── UpstreamTimeout      504  upstream_timeout
│   └── UpstreamRefused           the upstream's own error, with its status
├── AgentError                    the agent behind the model `iflow` is at fault
│   ├── AgentLoginRequired   401  agent_login_required
│   ├── AgentUnavailable     501  agent_unavailable
│   ├── AgentFailed          502  agent_failed
│   └── AgentTimeout         504  agent_timeout
├── RelayEnds                503  relay_ends
└── InternalError            500  internal_error
"""

from __future__ import annotations

from .agent import AgentError as AgentError
from .agent import AgentFailed as AgentFailed
from .agent import AgentLoginRequired as AgentLoginRequired
from .agent import AgentTimeout as AgentTimeout
from .agent import AgentUnavailable as AgentUnavailable
from .base import TYPES as TYPES
from .base import InternalError as InternalError
from .base import RelayEnds as RelayEnds
from .base import RelayError as RelayError
from .base import render_error as render_error
from .base import render_error_body as render_error_body
from .credential import CredentialError as CredentialError
from .credential import CredentialRenewed as CredentialRenewed
from .credential import CredentialRenewing as CredentialRenewing
from .credential import LoginRequired as LoginRequired
from .credential import NotLoggedIn as NotLoggedIn
from .credential import SettingsInvalid as SettingsInvalid
from .login import LoginError as LoginError
from .login import LoginRefused as LoginRefused
from .login import LoginServiceFailed as LoginServiceFailed
from .login import LoginUnavailable as LoginUnavailable
from .login import SettingsDamaged as SettingsDamaged
from .login import SettingsNotWritten as SettingsNotWritten
from .request import ForbiddenHost as ForbiddenHost
from .request import ForbiddenOrigin as ForbiddenOrigin
from .request import HeadTooLarge as HeadTooLarge
from .request import InvalidHttp as InvalidHttp
from .request import InvalidJson as InvalidJson
from .request import InvalidPath as InvalidPath
from .request import InvalidRequest as InvalidRequest
from .request import LoopDetected as LoopDetected
from .request import MethodNotAllowed as MethodNotAllowed
from .request import NotFound as NotFound
from .request import NotRecorded as NotRecorded
from .request import PageKeyWanted as PageKeyWanted
from .request import RequestError as RequestError
from .request import RequestTooLarge as RequestTooLarge
from .request import UnsupportedMedia as UnsupportedMedia
from .request import WebSocketRefused as WebSocketRefused
from .request import WrongKey as WrongKey
from .upstream import EmptyResponse as EmptyResponse
from .upstream import UpstreamBroken as UpstreamBroken
from .upstream import UpstreamError as UpstreamError
from .upstream import UpstreamInvalid as UpstreamInvalid
from .upstream import UpstreamRefused as UpstreamRefused
from .upstream import UpstreamTimeout as UpstreamTimeout
from .upstream import UpstreamUnreachable as UpstreamUnreachable
