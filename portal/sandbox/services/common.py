"""What every service shares: who calls, documents into messages, and refusals into Connect errors."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from connectrpc.code import Code
from connectrpc.errors import ConnectError, ErrorDetail
from connectrpc.request import RequestContext
from google.protobuf import json_format
from google.protobuf.message import Message
from protobuf.wkt import Any as AnyMessage

from portal.sandbox import audit
from portal.sandbox.access import Access, Caller, is_write
from portal.sandbox.documents import Document
from portal.sandbox.queries import Page, decode_token, encode_token
from portal.sandbox.refusals import Refused
from portal.sandbox.validation import Validation
from portal.sandbox.world import World

Answer = TypeVar("Answer", bound=Message)
Request = TypeVar("Request", bound=Message)

caller: ContextVar[Caller] = ContextVar("caller")
connection: ContextVar["Connection"] = ContextVar("connection")  # of a stream


class Connection:
    """A stream's connection: the stream reports that it is open, and learns that the client has left."""

    def __init__(self, opened: Callable[[], Awaitable[None]]) -> None:
        self.opened = opened
        self.on_departure: Callable[[], None] | None = None


def answer(kind: type[Answer], document: Mapping[str, Any]) -> Answer:
    """A response message from a document in proto3 JSON form. Fields unknown to the vendor's 1.2.0 are left out."""
    message = kind()
    json_format.ParseDict(dict(document), message, ignore_unknown_fields=True)
    return message


def document_of(request: Message) -> Document:
    """A request as a document: only the fields that were given."""
    document: Document = json_format.MessageToDict(request)
    return document


def listing(kind: type[Answer], name: str, page: Page) -> Answer:
    """A list response of one page whose documents go into the field `name`."""
    return answer(kind, {name: [entry.document() for entry in page.entries], **page.envelope()})


def plain_page(documents: Sequence[Document], size: int, token: str) -> tuple[Sequence[Document], Document]:
    """A page of documents that do not move (people, runners, classes, projects) and its `pagination`."""
    start = decode_token(token)[0] if token else 0
    end = start + (size or 25)
    return documents[start:end], {"nextToken": encode_token(end, "")} if end < len(documents) else {}


def connect_error(refused: Refused) -> ConnectError:
    """The refusal as the vendor's stubs want it."""
    details = [
        ErrorDetail(AnyMessage(type_url=f"type.googleapis.com/{d.DESCRIPTOR.full_name}", value=d.SerializeToString()))
        for d in refused.details
    ]
    return ConnectError(Code(refused.code), refused.message, details)


class Gate:
    """Interceptor before every method: authentication, permission, the vendor's rules. Records changes."""

    def __init__(self, world: World, access: Access, validation: Validation) -> None:
        self._world = world
        self._access = access
        self._validation = validation

    def _admit(self, request: Message, ctx: RequestContext[Any, Any]) -> Caller:
        who = self._access.caller(ctx.request_headers.get("authorization", ""))
        self._validation.check(request)
        if not who.may(ctx.method.name):
            raise Refused("permission_denied", f"{ctx.method.name} needs a token that may write")
        return who

    def _noted(self, who: Caller, rpc: str, request: Message, response: Message) -> Message:
        if is_write(rpc):
            audit.note_request(self._world, who, rpc, document_of(request), document_of(response))
        return response

    async def intercept_unary(
        self, call_next: Callable[[Any, Any], Awaitable[Any]], request: Any, ctx: RequestContext[Any, Any]
    ) -> Any:
        """Answer a unary call, refusals turned into Connect errors."""
        try:
            who = self._admit(request, ctx)
            caller.set(who)
            return self._noted(who, ctx.method.name, request, await call_next(request, ctx))
        except Refused as refused:
            raise connect_error(refused) from None

    async def intercept_server_stream(
        self, call_next: Callable[[Any, Any], AsyncIterator[Any]], request: Any, ctx: RequestContext[Any, Any]
    ) -> AsyncIterator[Any]:
        """Answer a stream, refusals turned into Connect errors."""
        try:
            caller.set(self._admit(request, ctx))
            async for message in call_next(request, ctx):
                yield message
        except Refused as refused:
            raise connect_error(refused) from None
