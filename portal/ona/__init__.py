"""The Ona API: the client, its errors and its documents. Knows no Django; the only user of httpx."""

from . import documents, errors
from .client import OnaClient
from .errors import OnaError

__all__ = ["OnaClient", "OnaError", "documents", "errors"]
