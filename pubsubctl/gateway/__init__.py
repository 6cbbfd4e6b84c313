"""The HTTP front door: any request becomes a job, any HTTP client can ask for it.

``Gateway`` is it as a WSGI application of its own, ``AsyncMiddleware`` in front of another one, ``Terms`` what it
allows; ``pubsubctl gateway start`` serves one.
"""

from pubsubctl.gateway.app import Gateway
from pubsubctl.gateway.mounting import AsyncMiddleware
from pubsubctl.gateway.terms import Terms

__all__ = ["AsyncMiddleware", "Gateway", "Terms"]
