"""Requests and headers made from what is sound already, without mitmproxy's checks of each field.

The check is for what addons write; of what mitmproxy itself has read, or this package has made, it
finds nothing and costs more than sending the request.
"""

from __future__ import annotations

from mitmproxy import http

from ..headers import Fields


def twin(request: http.Request) -> http.Request:
    """A copy whose parts can be replaced; the parts themselves are shared."""
    made = object.__new__(type(request))
    made.__dict__.update(request.__dict__)
    made.data = object.__new__(type(request.data))
    made.data.__dict__.update(request.data.__dict__)
    return made


def headers_of(fields: Fields) -> http.Headers:
    """The fields as headers."""
    made = object.__new__(http.Headers)
    made.fields = fields
    return made
