"""Connect's unary JSON calls over one pooled httpx client: headers, rate, time limits, retries, errors."""

import itertools
import random
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from threading import Lock
from typing import Any, TypeVar

import httpx
import msgspec

from .connection import Limit, checked_base_url, checked_token, pooled, proxy_for, under
from .documents.pages import UNREADABLE
from .documents.tokens import Secret
from .errors import InvalidArgument, MalformedAnswer, OnaError, ResourceExhausted, Unreachable
from .http_errors import ConnectError, connect_error, error_of, plain, request_id
from .rate_limit import Budget, Pause, Paused
from .redaction import Scrubber
from .retry import LONGEST_WAIT, next_wait

T = TypeVar("T")
Reader = Callable[[bytes, datetime], T]
OnCall = Callable[[str, str, float], None]

LARGEST_ANSWER = 64 * 1024 * 1024
LONGEST_PAUSE = 3600.0
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


def ignore_call(rpc: str, code: str, seconds: float) -> None:
    """An attempt ended after `seconds`, in an error of this code or "ok"."""


class Stats(msgspec.Struct, frozen=True):
    """The counters of a client; `bytes` as received, possibly compressed."""

    requests: int = 0
    retries: int = 0
    bytes: int = 0


class _Key:
    """A token as the transport uses it; `former` is the one before it, which late errors may still hold."""

    __slots__ = ("scrubber", "secret")

    def __init__(self, token: str, former: Secret | None = None) -> None:
        self.secret = checked_token(token)
        self.scrubber = Scrubber(self.secret, former=former)

    def header(self) -> dict[str, str]:
        """The header that carries it."""
        return {"Authorization": f"Bearer {self.secret.reveal()}"}


class _Sealed:
    """A request's bytes and its key, hidden from every repr, and the secrets that its errors must not contain."""

    __slots__ = ("_content", "key", "scrubber")

    def __init__(self, content: bytes, key: _Key, scrubber: Scrubber) -> None:
        self._content = content
        self.key, self.scrubber = key, scrubber

    def reveal(self) -> bytes:
        """The bytes."""
        return self._content


class Transport:
    """Sends calls to Ona; thread-safe.

    `token` may be a function, which is called before each call. `pause` is what a Retry-After sets; other clients may
    share it. `sleep`, `clock` (monotonic seconds), `now`, `dice` (random, in [0, 1)) and `http` can be replaced by
    tests. It honours HTTPS_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE, but uses no proxy to this machine.
    """

    def __init__(
        self,
        token: str | Callable[[], str],
        base_url: str,
        *,
        requests_per_second: float = 20.0,
        timeout: float = 30.0,
        attempts: int = 5,
        pause: Pause | None = None,
        on_call: OnCall = ignore_call,
        http: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        dice: Callable[[], float] = random.random,
    ) -> None:
        if not timeout > 0 or attempts < 1:
            raise ValueError("timeout must be above 0 and attempts at least 1")
        self.base_url, local = checked_base_url(base_url)
        self.timeout = timeout
        self._read_token = token if callable(token) else None
        self._key = _Key(token() if callable(token) else token)
        self._attempts = attempts
        # without further attempts somebody waits for the answer
        self._longest_wait = LONGEST_WAIT if attempts > 1 else min(timeout, LONGEST_WAIT)
        self._sleep, self._clock, self._now, self._dice = sleep, clock, now, dice
        self._budget = Budget(requests_per_second, clock=clock, sleep=sleep, pause=pause)
        self._stats, self._stats_lock = Stats(), Lock()
        self._on_call = on_call
        self._http = httpx.Client(
            transport=http or pooled(proxy_for(self.base_url, local=local)),
            headers={"Connect-Protocol-Version": "1", "User-Agent": "environment-portal"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            trust_env=False,
        )

    def __repr__(self) -> str:
        return f"<Transport to {self.base_url}>"

    @property
    def stats(self) -> Stats:
        """The counters so far."""
        return self._stats

    def close(self) -> None:
        """Close the pooled connections."""
        self._http.close()

    def call(self, rpc: str, message: Mapping[str, Any], read: Reader[T], *, repeatable: bool) -> T:
        """Call `rpc` ("Service/Method") and pass its answer to `read`, with the time the request was sent.

        OnaError if it fails, after retries if the call is `repeatable` or was certainly not done. A Secret in `message`
        is sent as its text and never part of an error.
        """
        sealed = self._sealed(rpc, message)
        for attempt in itertools.count(1):
            try:
                return self._attempt(rpc, sealed, read)
            except OnaError as error:
                wait = next_wait(
                    error, attempt=attempt, attempts=self._attempts, repeatable=repeatable, dice=self._dice()
                )
                if wait is None:
                    raise
            self._count(retries=1)
            self._sleep(wait)
        raise AssertionError("unreachable")

    def stream(
        self, rpc: str, content: bytes, *, idle: float, limit: Limit, opened: Callable[[], None] = lambda: None
    ) -> Generator[tuple[httpx.Headers, bytes], None, None]:
        """The response of a server stream: its headers and the next bytes; `opened` is called when it has begun.

        OnaError if it is refused, breaks, or is silent for `idle` seconds; `limit` can end it.
        """
        self._wait_for_budget(rpc)
        self._count(requests=1)
        with self._timed(rpc):
            response = self._open(rpc, content, idle, limit)
        try:
            opened()
            chunks = response.iter_raw()
            while chunk := self._on_the_wire(rpc, lambda: next(chunks, b""), limit):
                yield response.headers, chunk
        finally:
            response.close()

    def _open(self, rpc: str, content: bytes, idle: float, limit: Limit) -> httpx.Response:
        """The response of a stream, its body unread; OnaError if it is refused."""
        key = self._current_key()
        headers = {"Content-Type": "application/connect+json", "Accept-Encoding": "identity", **key.header()}
        timeout = httpx.Timeout(self.timeout, read=idle)
        request = self._http.build_request("POST", self._url(rpc), content=content, headers=headers, timeout=timeout)
        response = self._on_the_wire(rpc, lambda: self._http.send(request, stream=True), limit)
        if response.status_code == 200:
            return response
        with closing(response):
            body = self._on_the_wire(rpc, lambda: self._body(rpc, response), Limit(self.timeout))
            raise self._refusal(rpc, response, body, key.scrubber)

    def malformed(self, rpc: str, why: str, headers: Mapping[str, str] | None = None) -> MalformedAnswer:
        """The error of an answer in the wrong form."""
        return _malformed(self._key.scrubber, rpc, why, headers or {})

    def refused(self, rpc: str, said: ConnectError, headers: Mapping[str, str]) -> OnaError:
        """The error that ended a stream."""
        return connect_error(
            said, {"rpc": rpc, "request_id": self._key.scrubber.text(request_id(headers))}, self._key.scrubber
        )

    def scrub(self, body: bytes) -> bytes:
        """`body`, redacted, for errors."""
        return self._key.scrubber.body(body)

    def _sealed(self, rpc: str, message: Mapping[str, Any]) -> _Sealed:
        carried: list[Secret] = []

        def revealed(value: object) -> str:
            if not isinstance(value, Secret):
                raise TypeError(f"{type(value).__name__} is not for JSON")
            carried.append(value)
            return value.reveal()

        try:
            content = msgspec.json.encode(message, enc_hook=revealed)
        except UnicodeEncodeError:
            content = b""
        if not content:  # outside the except: that exception holds the text
            raise InvalidArgument("a text holds characters that are none (lone surrogates)", rpc=rpc, sent=False)
        key = self._current_key()
        return _Sealed(content, key, key.scrubber.with_secrets(carried) if carried else key.scrubber)

    def _current_key(self) -> _Key:
        """The token as it is now; ValueError if no header can carry it."""
        key = self._key
        if self._read_token and (token := self._read_token()) != key.secret.reveal():
            key = self._key = _Key(token, key.secret)
        return key

    def _attempt(self, rpc: str, sealed: _Sealed, read: Reader[T]) -> T:
        self._wait_for_budget(rpc)
        self._count(requests=1)
        with self._timed(rpc):
            return self._answer(rpc, sealed, read)

    def _answer(self, rpc: str, sealed: _Sealed, read: Reader[T]) -> T:
        sent_at = self._now()
        response, body = self._on_the_wire(rpc, lambda: self._exchange(rpc, sealed), Limit(self.timeout))
        failure: OnaError
        if response.status_code != 200:
            failure = self._refusal(rpc, response, body, sealed.scrubber)
        else:
            try:
                return read(body, sent_at)
            except UNREADABLE as error:
                why = str(error)
            kind = plain(response.headers.get("content-type", "no content type"), 60)
            failure = _malformed(sealed.scrubber, rpc, f"{kind}, {len(body)} bytes: {why}", response.headers)
        del body  # it may echo a secret, and debuggers show the variables of frames
        raise failure

    def _exchange(self, rpc: str, sealed: _Sealed) -> tuple[httpx.Response, bytes]:
        headers = {
            "Content-Type": "application/json",
            "Connect-Timeout-Ms": str(max(1, int(self.timeout * 1000))),
            **sealed.key.header(),
        }
        request = self._http.build_request(
            "POST", self._url(rpc), content=sealed.reveal(), headers=headers, timeout=self.timeout
        )
        with closing(self._http.send(request, stream=True)) as response:
            return response, self._body(rpc, response)

    def _url(self, rpc: str) -> str:
        return f"{self.base_url}/gitpod.v1.{rpc}"

    def _body(self, rpc: str, response: httpx.Response) -> bytes:
        """The whole body, unless it is too late or too large."""
        ends_at = self._clock() + self.timeout
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise self.malformed(rpc, f"the answer is larger than {LARGEST_ANSWER} bytes", response.headers)
            if self._clock() > ends_at:
                raise Unreachable(f"the answer took longer than {self.timeout:g} s", rpc=rpc)
            chunks.append(chunk)
        self._count(size=response.num_bytes_downloaded)
        return b"".join(chunks)

    def _refusal(self, rpc: str, response: httpx.Response, body: bytes, scrubber: Scrubber) -> OnaError:
        headers = {name.lower(): scrubber.text(value) for name, value in response.headers.items()}
        error = error_of(response.status_code, headers, body, rpc=rpc, now=self._now(), scrubber=scrubber)
        if error.retry_after:
            self._budget.pause(min(error.retry_after, LONGEST_PAUSE))
        return error

    def _on_the_wire(self, rpc: str, do: Callable[[], T], limit: Limit) -> T:
        """Run `do()` under `limit`; network failures become our errors.

        They are raised outside the except: httpx's exception refers to the request, and that to the token.
        """
        try:
            with under(limit):
                return do()
        except httpx.HTTPError as error:
            failure = self._no_answer(rpc, error)
        raise failure

    def _no_answer(self, rpc: str, error: httpx.HTTPError) -> OnaError:
        """The error of a network failure; its text, never its chain."""
        why = plain(self._key.scrubber.text(str(error))) or type(error).__name__
        if isinstance(error, httpx.DecodingError):
            return self.malformed(rpc, why)
        if isinstance(error, httpx.TimeoutException):
            why = f"nothing came for too long; one call may take {self.timeout:g} s"
        return Unreachable(why, rpc=rpc, sent=not isinstance(error, _NOT_SENT))

    def _wait_for_budget(self, rpc: str) -> None:
        try:
            self._budget.wait(self._longest_wait)
        except Paused as paused:
            message = "Ona requested a pause that is not over yet"
            raise ResourceExhausted(message, rpc=rpc, retry_after=paused.seconds, sent=False) from None

    @contextmanager
    def _timed(self, rpc: str) -> Iterator[None]:
        """Tell `on_call` how an attempt ended, and after how long."""
        began, code = self._clock(), "interrupted"
        try:
            yield
            code = "ok"
        except OnaError as error:
            code = error.code
            raise
        finally:
            self._on_call(rpc, code, self._clock() - began)

    def _count(self, *, requests: int = 0, retries: int = 0, size: int = 0) -> None:
        with self._stats_lock:
            was = self._stats
            self._stats = Stats(was.requests + requests, was.retries + retries, was.bytes + size)


def _malformed(scrubber: Scrubber, rpc: str, why: str, headers: Mapping[str, str]) -> MalformedAnswer:
    return MalformedAnswer(plain(scrubber.text(why)), rpc=rpc, request_id=scrubber.text(request_id(headers)))
