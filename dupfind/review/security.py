"""Who may talk to the page's server: one person at this machine, and no other page in the browser.

In:  each request, before anything of ours sees it. Out: the request, or a refusal in one line.

The server listens on the loopback address only. Other programs of this machine lack the token; other
pages in the same browser lack the cookie (SameSite=Strict), may not write (Sec-Fetch-Site, Origin, a
content type that needs a preflight) and cannot read answers (no CORS, CORP and COOP same-origin); a
page that had its own name resolved to this machine (DNS rebinding) fails at the Host check.
"""

import secrets
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
_LOOPBACK_NAMES = (LOOPBACK, "localhost", "[::1]")
JSON_TYPE = "application/json"
PICTURE_TYPE = "application/octet-stream"
_READS = frozenset({"GET", "HEAD"})
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), usb=()",
}


@dataclass
class Access:
    """The secrets of one server: a token for its first address, and what the cookie holds.

    The token lets in once. It stands in the browser's history and in the terminal, so by then it
    must be worth nothing; the cookie lets in as long as the server runs.
    """

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _session: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _is_open: bool = True

    @property
    def address(self) -> str:
        """The address to open first."""
        return f"http://{LOOPBACK}:{self.port}/?token={self.token}"

    @property
    def cookie(self) -> str:
        """The name of the cookie. Cookies do not know ports: two servers need two names."""
        return f"dupfind-review-{self.port}"

    def redeem(self, token: str) -> Response | None:
        """Turn the token into the cookie, once; None when it is another, or was used."""
        if not (self._is_open and secrets.compare_digest(token.encode(), self.token.encode())):
            return None
        self._is_open = False
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(self.cookie, self._session, httponly=True, samesite="strict", path="/")
        return response

    def refusal(self, method: str, headers: Headers) -> Response | None:
        """Return why a request is refused, whoever sends it; None for one that may go on."""
        if headers.get("host", "") not in self._hosts():
            return _refuse(421, "this server answers to its loopback address only")
        if method in _READS:
            return None
        if not self._is_same_origin(headers):
            return _refuse(403, "another page may not write here")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in (JSON_TYPE, PICTURE_TYPE):
            return _refuse(415, f"send {JSON_TYPE}")
        return None

    def knows(self, headers: Headers) -> bool:
        """Tell whether a request has the cookie of this server."""
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return False
        held = morsel.value if morsel else ""
        return secrets.compare_digest(held.encode(), self._session.encode())

    def _hosts(self) -> set[str]:
        return {f"{name}:{self.port}" for name in _LOOPBACK_NAMES}

    def _is_same_origin(self, headers: Headers) -> bool:
        """Browsers send Sec-Fetch-Site or Origin with every write; who sends neither is no page."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None and site != "same-origin":
            return False
        if origin is not None and origin != f"http://{headers['host']}":
            return False
        return site is not None or origin is not None


class Guard:
    """ASGI middleware: refuses, lets in by the token, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    sent[name] = value
                sent.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._answer_of(scope, headers)(scope, receive, send_guarded)

    def _answer_of(self, scope: Scope, headers: Headers) -> ASGIApp:
        refusal = self.access.refusal(scope["method"], headers)
        if refusal is not None:
            return refusal
        if self.access.knows(headers):
            return self.app
        return self._let_in(scope) or _refuse(
            401, "open the address that `dupfind review` printed; it lets in once"
        )

    def _let_in(self, scope: Scope) -> Response | None:
        query = scope["query_string"].decode("latin-1")
        if scope["path"] != "/" or not query.startswith("token="):
            return None
        return self.access.redeem(query.removeprefix("token="))


def _refuse(status: int, words: str) -> Response:
    return PlainTextResponse(f"dupfind review: {words}\n", status)
