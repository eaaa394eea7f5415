"""The page to log in at, and the routes behind it: GET and POST /login, POST /logout.

A form with `username` and `password`, no script. A browser is sent back to the page that it wanted; a program, such as
gradio_client with auth=(name, password), gets JSON and the cookie.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from briefqa.ui.access import SESSION_COOKIE, client_of, set_cookie, too_many, wants_page
from briefqa.ui.logins import Logins, TooManyMistakes
from briefqa.ui.reading import style
from briefqa.ui.sessions import LONGEST_IDLE
from briefqa.ui.strings import Strings, chosen

_LONGEST_FORM = 16_384  # bytes: a password of a kilobyte, percent-encoded, and the page that was wanted
_STYLE = """
.bq-login { box-sizing: border-box; max-width: 22rem; margin: max(1rem, 12dvh) auto 0; }
.bq-login form { display: grid; gap: 1rem; margin-top: 1.5rem; }
.bq-login label { display: grid; gap: .25rem; font-size: .875rem; font-weight: 600; }
.bq-login :is(input, button) { padding: .625rem .875rem; border-radius: .625rem; font: inherit; font-size: 1rem; }
.bq-login input {
  border: 1px solid var(--bq-edge); background: var(--bq-sheet); color: var(--bq-ink); font-weight: 400;
}
.bq-login button {
  border: 0; background: var(--bq-link); color: var(--bq-sheet); font-weight: 600; cursor: pointer;
}
.bq-login .notice { margin: 0; color: var(--bq-alarm); }
"""


def add_login(app: FastAPI, logins: Logins) -> None:
    """Add the routes."""

    @app.get("/login")
    def login_page(request: Request, next: str = "") -> Response:
        return _page(request, _local(next))

    @app.post("/login")
    async def log_in(request: Request) -> Response:
        form = await _form(request)
        if form is None:
            return JSONResponse({"error": "This is no log-in form."}, 413)
        wanted, name = _local(form.get("next", "")), form.get("username", "")
        page = wants_page(request.headers)
        strings = _strings(request)
        try:
            token = await logins.log_in(name, form.get("password", ""), client_of(request.scope))
        except TooManyMistakes as mistakes:
            if not page:
                return too_many(mistakes)
            minutes = -(-mistakes.seconds // 60)
            again = {"Retry-After": str(mistakes.seconds)}
            return _page(request, wanted, strings.login_often.format(count=minutes), name, 429, again)
        if token is None:
            if not page:
                return JSONResponse({"error": "Wrong name or password."}, 401)
            return _page(request, wanted, strings.login_wrong, name, 401)
        root = quote(request.scope.get("root_path", ""))
        done = RedirectResponse(root + wanted, 303) if page else JSONResponse({"success": True})
        done.headers["Cache-Control"] = "no-store"
        set_cookie(done, request.scope, SESSION_COOKIE, token, LONGEST_IDLE)
        return done

    @app.post("/logout")
    def log_out(request: Request) -> Response:
        logins.sessions.end(request.cookies.get(SESSION_COOKIE, ""))
        root = quote(request.scope.get("root_path", ""))
        page = wants_page(request.headers)
        done = RedirectResponse(f"{root}/login", 303) if page else JSONResponse({"success": True})
        set_cookie(done, request.scope, SESSION_COOKIE, "", 0)
        return done


async def _form(request: Request) -> dict[str, str] | None:
    """Return the fields of a form; None for one that is longer than a log-in can be."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_FORM:
            return None
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=16)
    except ValueError:
        return None
    return {name: values[0] for name, values in fields.items()}


def _local(wanted: str) -> str:
    """Return the path of a page of our own, percent-encoded: one slash and then no other, whatever was asked for."""
    return "/" + quote(wanted.lstrip("/\\"), safe="/?=&%:;,+@!$'()*~")


def _strings(request: Request) -> Strings:
    return chosen(request)


def _page(
    request: Request,
    wanted: str,
    problem: str = "",
    name: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HTMLResponse:
    html = render_login(_strings(request), wanted, problem, name)
    own = {"Content-Security-Policy": policy(), "Cache-Control": "no-store", "Vary": "Accept-Language"}
    return HTMLResponse(html, status, {**own, **(headers or {})})


def policy() -> str:
    """Return the Content-Security-Policy of the page: its style sheet, its form, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_sheet().encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def _sheet() -> str:
    return style("base", "brief") + _STYLE


def render_login(strings: Strings, wanted: str = "/", problem: str = "", name: str = "") -> str:
    """Return the page. wanted: where to go afterwards. problem: why the last attempt failed. name: what was given."""
    alert = f'<p class="notice" role="alert" id="problem">{escape(problem)}</p>' if problem else ""
    invalid = ' aria-invalid="true" aria-describedby="problem"' if problem else ""
    first, second = ("", " autofocus") if name else (" autofocus", "")
    return (
        f'<!doctype html><html lang="{strings.language}" class="bq-page"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(strings.login)} · briefqa</title><style>{_sheet()}</style></head>"
        f'<body><main class="bq-login"><h1>briefqa</h1><p class="facts">{escape(strings.tagline)}</p>'
        f'<form method="post" action="login"><input type="hidden" name="next" value="{escape(wanted)}">{alert}'
        f'<label>{escape(strings.login_name)}<input name="username" value="{escape(name)}" autocomplete="username"'
        f' autocapitalize="none" spellcheck="false" required{first}></label>'
        f'<label>{escape(strings.login_password)}<input type="password" name="password"'
        f' autocomplete="current-password" required{invalid}{second}></label>'
        f'<button type="submit">{escape(strings.login)}</button></form></main></body></html>'
    )
