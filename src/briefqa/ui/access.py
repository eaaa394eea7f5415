"""Who comes in, and whose conversations are theirs: the gate that every request passes.

    app.add_middleware(Gate, access=Access(local=True))
    visitor(request).owner         # of a starlette Request or a gr.Request
    visitor(request).admin         # may rebuild and upload

| who | owner | admin |
|---|---|---|
| logged in | the name | if `Access.admins` has the name |
| anybody, `Access.local`, from this machine without a proxy | the browser, by its cookie | yes |
| anybody else, where no log-in is wanted | the browser, by its cookie | no |

What another site makes a browser send is refused, and what it could read of an answer is not offered to it (CORS).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from briefqa.ui.logins import Logins, TooManyMistakes
from briefqa.ui.paths import cookie_path, inner_path
from briefqa.ui.sessions import LONGEST_IDLE

SESSION_COOKIE = "briefqa_session"
BROWSER_COOKIE = "briefqa_browser"
_BROWSER_COOKIE_HOLDS = 365 * 24 * 3600  # seconds
_TOKEN = re.compile(r"[\w-]{22,64}", re.ASCII)  # 128 bits at least
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# What anybody may ask for, logged in or not.
_OPEN = {"/healthz", "/login", "/logout"}
# Gradio's own uploads serve nothing here.
_UPLOADS = "/gradio_api/upload"
_KEY = "briefqa.visitor"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what.

    passwords: the Argon2id hash of each name that may log in; None: nobody has to. admins: the names that may rebuild
    and upload. local: the server listens on this machine's own address with no proxy before it, so whoever reaches it
    is the one who started it.
    """

    passwords: Mapping[str, str] | None = None
    admins: Collection[str] = ()
    local: bool = False


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. owner: opaque, whose conversations these are. name: "" without login. admin: may change the corpus."""

    owner: str
    name: str = ""
    admin: bool = False


def visitor(request: Any) -> Visitor:
    """Return who sent this request: a starlette Request, or the gr.Request that Gradio hands to a function."""
    inner = getattr(request, "request", None) or request
    found = inner.scope[_KEY]
    assert isinstance(found, Visitor)
    return found


def set_cookie(response: Response, scope: Scope, name: str, value: str, seconds: int) -> None:
    """Set a cookie that no script can read and no other site can send; 0 seconds delete it."""
    https = _is_https(scope)
    response.set_cookie(name, value, seconds, path=cookie_path(scope), secure=https, httponly=True, samesite="lax")


class Gate:
    """Lets requests through or refuses them, and says whose they are. Pure ASGI: streams pass as they come.

    logins: where `access` has passwords.
    """

    def __init__(self, app: ASGIApp, access: Access, logins: Logins | None = None) -> None:
        self.app = app
        self._access = access
        self._logins = logins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] == "websocket":  # there is none here
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refuse(scope, headers)
        if refusal is None and is_foreign(headers):  # Gradio would let any site read what a GET answers
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"origin"]
        cookies = Response()  # only its headers are used
        if refusal is None and self._logins is not None:
            refusal = await self._log_in(scope, headers, self._logins, cookies)
        elif refusal is None:
            scope[_KEY] = self._anybody(scope, headers, cookies)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        added = cookies.headers.getlist("set-cookie")

        async def with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start":
                for cookie in added:
                    MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self.app(scope, receive, with_cookies if added else send)

    def _refuse(self, scope: Scope, headers: Headers) -> Response | None:
        """Refuse what nobody may do, with a line that says what to do instead."""
        if self._access.local and not _is_this_machine(headers.get("host", "")):
            return PlainTextResponse(
                "This chat was started for this machine alone: open it as http://127.0.0.1 or http://localhost. "
                "To serve it under another name, start briefqa chat with --auth FILE, or with --root-path PATH behind "
                "a proxy.\n",
                421,
            )
        if scope["method"] in _SAFE_METHODS:
            return None
        if is_foreign(headers):
            return PlainTextResponse("Requests from other sites are refused: open the chat itself.\n", 403)
        if inner_path(scope).startswith(_UPLOADS):
            return PlainTextResponse("Nothing can be uploaded here.\n", 403)
        return None

    def _anybody(self, scope: Scope, headers: Headers, cookies: Response) -> Visitor:
        token = _cookies(headers).get(BROWSER_COOKIE, "")
        if not _TOKEN.fullmatch(token):
            token = secrets.token_urlsafe(32)
            if scope["method"] == "GET":
                set_cookie(cookies, scope, BROWSER_COOKIE, token, _BROWSER_COOKIE_HOLDS)
        return Visitor(_owner("browser", token), admin=self._access.local and _is_direct(headers))

    async def _log_in(self, scope: Scope, headers: Headers, logins: Logins, cookies: Response) -> Response | None:
        """Find out who this is; return what to answer instead where nobody is logged in and somebody has to be."""
        token = _cookies(headers).get(SESSION_COOKIE, "")
        session = logins.sessions.find(token, logins.passwords) if _TOKEN.fullmatch(token) else None
        name = session.name if session else ""
        if session and session.renewed:
            set_cookie(cookies, scope, SESSION_COOKIE, token, LONGEST_IDLE)
        if not name and "authorization" in headers:
            try:
                name = await logins.basic(headers["authorization"], client_of(scope)) or ""
            except TooManyMistakes as mistakes:
                return too_many(mistakes)
        if name:
            scope[_KEY] = Visitor(_owner("name", name), name, name in self._access.admins)
            return None
        return None if inner_path(scope) in _OPEN else _ask_to_log_in(scope, headers)


def is_foreign(headers: Headers) -> bool:
    """Say whether another site made the browser send this (or another port of this host: that is another program)."""
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in ("cross-site", "same-site")
    if (origin := headers.get("origin")) is None:
        return False
    # Without https, browsers send no Sec-Fetch-Site. No site can make a browser send an X-Forwarded-Host of its choice.
    hosts = (headers.get("host", ""), headers.get("x-forwarded-host", "").split(",")[0].strip())
    return _host_of(origin) not in [host.casefold() for host in hosts if host]


def wants_page(headers: Headers) -> bool:
    """Say whether a browser asks for a page: it, and no script, accepts HTML by name."""
    return "text/html" in headers.get("accept", "")


def too_many(mistakes: TooManyMistakes) -> Response:
    """Return the answer to one who has guessed too often, for programs."""
    again = {"Retry-After": str(mistakes.seconds)}
    return JSONResponse({"error": f"Too many wrong passwords: wait {mistakes.seconds} seconds."}, 429, again)


def client_of(scope: Scope) -> str:
    """Return the address that the request came from, "" where there is none."""
    return scope["client"][0] if scope.get("client") else ""


def _ask_to_log_in(scope: Scope, headers: Headers) -> Response:
    if scope["method"] in ("GET", "HEAD") and wants_page(headers):
        query = scope.get("query_string", b"").decode("latin-1")
        wanted = quote(inner_path(scope)) + (f"?{query}" if query else "")
        target = {"next": wanted} if wanted != "/" else {}
        address = f"{quote(scope.get('root_path', ''))}/login" + (f"?{urlencode(target)}" if target else "")
        return RedirectResponse(address, 303, {"Cache-Control": "no-store"})
    # A browser would open a window of its own for the Basic scheme, over a page whose session has ended.
    scheme = {} if "sec-fetch-mode" in headers else {"WWW-Authenticate": 'Basic realm="briefqa", charset="UTF-8"'}
    return JSONResponse({"error": "Log in first."}, 401, {"Cache-Control": "no-store", **scheme})


def _owner(kind: str, secret: str) -> str:
    return hashlib.sha256(f"{kind}:{secret}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _cookies(headers: Headers) -> dict[str, str]:
    """Return the cookies, the first of each name: browsers send that of the longest path first."""
    found: dict[str, str] = {}
    for pair in headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        found.setdefault(name, value)
    return found


def _is_https(scope: Scope) -> bool:
    forwarded = Headers(scope=scope).get("x-forwarded-proto", "").split(",")[0].strip()
    return scope.get("scheme") == "https" or forwarded == "https"


def _is_this_machine(host: str) -> bool:
    """Say whether a Host header is one that no other site can have: its name cannot be turned to this machine (DNS)."""
    name = re.sub(r":\d*$", "", host).casefold()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _is_direct(headers: Headers) -> bool:
    """Say whether no proxy stands between; the header names are those that proxies add."""
    added = any(name in ("forwarded", "via", "x-real-ip") or name.startswith("x-forwarded-") for name in headers)
    origin = headers.get("origin")
    return not added and (origin is None or _host_of(origin) == headers.get("host", "").casefold())


def _host_of(origin: str) -> str:
    """Return the host and port of an Origin header, "" for null and for nonsense."""
    try:
        return urlsplit(origin).netloc.casefold()
    except ValueError:
        return ""
