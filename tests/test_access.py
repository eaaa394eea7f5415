"""Who comes in, what other sites can do, and where the chat may stand: below a proxy's path or in another app."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import stat
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import BigramEncoder
from served import addresses, ask

from briefqa.api import BriefQA
from briefqa.passwords import PasswordFile, read_passwords, remove_password, set_password
from briefqa.ui.logins import _FREE_FOR_CLIENT, _FREE_FOR_NAME, Mistakes, TooManyMistakes
from briefqa.ui.paths import clean_root_path
from briefqa.ui.sessions import Sessions
from briefqa.ui.strings import CHINESE, ENGLISH

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette's and gradio's own
    import gradio as gr
    import uvicorn
    from fastapi import FastAPI, Request
    from fastapi.testclient import TestClient
    from gradio_client import Client
    from gradio_client.exceptions import AuthenticationError

    from briefqa.ui import create_app, mount
    from briefqa.ui.access import Access, Gate, visitor

pytestmark = pytest.mark.filterwarnings("ignore")  # starlette's and gradio's own
PASSWORD = "correct horse"
PAGE = {"accept": "text/html,*/*"}
HERE = {"host": "127.0.0.1:7860"}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("auth") / "people"
    set_password(path, "alice", PASSWORD)
    path.write_text(path.read_text("utf-8") + "bob" + path.read_text("utf-8")[5:], encoding="utf-8")
    return path


@contextmanager
def opened(index: Path, **options: Any) -> Iterator[FastAPI]:
    async def build(qa: BriefQA) -> FastAPI:
        return create_app(qa, **options)

    with BriefQA(index, BigramEncoder()) as qa:
        app = asyncio.run(build(qa))  # without a running loop gradio makes several, and never closes them
        add_who(app)
        yield app


def add_who(app: FastAPI) -> None:
    """Let a test ask the app whom it takes it for; before Gradio's page, which takes all paths."""

    @app.api_route("/who", methods=["GET", "POST"])
    def who(request: Request) -> dict[str, object]:
        found = visitor(request)
        return {"owner": found.owner, "name": found.name, "admin": found.admin}

    app.router.routes.insert(0, app.router.routes.pop())


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an app with a real server in a thread, and give its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def basic(name: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


# Without a log-in.


def test_each_browser_is_an_owner_of_its_own_and_nobody_is_admin_by_default(index: Path) -> None:
    with opened(index) as app:
        first, second = TestClient(app), TestClient(app)
        one, two = first.get("/who").json(), second.get("/who").json()
        assert first.get("/who").json() == first.post("/who").json() == one != two
        assert not one["admin"] and one["name"] == ""
        cookie = TestClient(app).get("/who").headers["set-cookie"]
        token = re.fullmatch(r"briefqa_browser=([\w-]{43}); HttpOnly; Max-Age=31536000; Path=/; SameSite=lax", cookie)
        assert token and token[1] not in str(one)
        https = TestClient(app).get("/who", headers={"x-forwarded-proto": "https"}).headers["set-cookie"]
        assert https.endswith("; Secure")
        assert (
            "set-cookie" not in TestClient(app).post("/who").headers and "set-cookie" not in first.get("/who").headers
        )


@pytest.mark.parametrize("token", ["", "x", "a" * 65, "../../etc/passwd" * 2, "é" * 30, "alice"])
def test_a_browser_token_that_can_be_guessed_is_replaced(index: Path, token: str) -> None:
    with opened(index) as app:
        got = TestClient(app).get("/who", headers={"cookie": f"briefqa_browser={token}".encode()})
        assert got.headers["set-cookie"].startswith("briefqa_browser=")


def test_who_reaches_this_machines_own_address_is_admin_unless_a_proxy_stands_between(index: Path) -> None:
    with opened(index, local=True) as app:
        client = TestClient(app)
        assert client.get("/who", headers=HERE).json()["admin"]
        assert client.post("/who", headers={**HERE, "origin": "http://127.0.0.1:7860"}).json()["admin"]
        for added in (
            {"x-forwarded-for": "203.0.113.7"},
            {"forwarded": "for=203.0.113.7"},
            {"via": "1.1 proxy"},
            {"x-real-ip": "203.0.113.7"},
            {"origin": "https://briefs.example", "sec-fetch-site": "same-origin"},  # a proxy rewrote the Host
        ):
            assert client.post("/who", headers={**HERE, **added}).json()["admin"] is False, added


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "[::1]:7860", "192.168.1.5", "chat.localhost"])
def test_names_of_this_machine_are_answered_to(index: Path, host: str) -> None:
    with opened(index, local=True) as app:
        assert TestClient(app).get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "[::1", "localhost.x", ""]
)
def test_a_name_that_was_turned_to_this_machine_is_refused(index: Path, host: str) -> None:
    with opened(index, local=True) as app:
        for path in ("/", "/healthz", "/source/", "/config"):
            refused = TestClient(app).get(path, headers={"host": host})
            assert refused.status_code == 421 and refused.text.count("\n") == 1 and "--auth FILE" in refused.text


# Other sites.


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://testserver"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "http://testserver"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://testserver:8000"}, 403),
        ({"origin": "http://testserver.evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://[::1"}, 403),
        ({"origin": "http://testserver"}, 200),
        ({"origin": "https://briefs.example", "x-forwarded-host": "briefs.example"}, 200),
        ({}, 200),
    ],
)
def test_another_site_cannot_make_a_browser_change_anything(index: Path, headers: dict[str, str], status: int) -> None:
    with opened(index) as app:
        client = TestClient(app)
        assert client.post("/who", headers=headers).status_code == status
        assert client.get("/who", headers=headers).status_code == 200  # a link from elsewhere is none of that


def test_another_site_cannot_read_what_is_answered(index: Path) -> None:
    with opened(index) as app:
        for path in ("/config", "/healthz", "/source/"):
            got = TestClient(app).get(path, headers={"origin": "http://evil.example"})
            assert got.status_code == 200 and "access-control-allow-origin" not in got.headers


@pytest.mark.parametrize("path", ["/gradio_api/upload", "/gradio_api/upload/", "/gradio_api/upload?upload_id=x"])
def test_gradios_own_uploads_are_closed(index: Path, people: Path, path: str) -> None:
    with opened(index, local=True) as app:
        files = {"files": ("x.md", b"# x")}
        assert TestClient(app).post(path, files=files, headers=HERE).status_code == 403


# With a log-in.


def test_without_a_log_in_nothing_is_read(index: Path, people: Path) -> None:
    with opened(index, passwords=read_passwords(people), admins=["alice"]) as app, TestClient(app) as client:
        assert client.get("/healthz").status_code == 200
        paths = ("/", "/source/", "/source/policy", "/config", "/gradio_api/info", "/theme.css", "/who", "/login/x")
        for path in (*paths, "//healthz", "/healthz/../source/", "/LOGIN", "/gradio_api/queue/data?session_hash=s"):
            got = client.get(path, follow_redirects=False)
            assert (got.status_code, got.json()) == (401, {"error": "Log in first."}), path
            assert got.headers["www-authenticate"].startswith("Basic ")
        for path in ("/who", "/gradio_api/queue/join", "/gradio_api/run/predict"):
            assert client.post(path, json={}, headers=PAGE).status_code == 401
        quiet = client.get("/config", headers={"sec-fetch-mode": "cors"})
        assert quiet.status_code == 401 and "www-authenticate" not in quiet.headers  # or the browser opens a window


def test_a_reader_logs_in_and_comes_to_the_page_that_was_wanted(index: Path, people: Path) -> None:
    with opened(index, passwords=read_passwords(people), admins=["alice"]) as app, TestClient(app) as client:
        wanted = "/source/policy?start=1&end=2&check=%E4%B8%AD"
        sent = client.get(wanted, headers=PAGE, follow_redirects=False)
        assert sent.status_code == 303 and sent.headers["location"].startswith("/login?next=%2Fsource%2Fpolicy%3F")
        page = client.get(sent.headers["location"])
        assert f'name="next" value="{wanted.replace("&", "&amp;")}"' in page.text and "<script" not in page.text
        assert set(re.findall(r"var\((--[\w-]+)", page.text)) <= set(re.findall(r"(--[\w-]+):", page.text))  # its style
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "form-action 'self'" in policy and "unsafe" not in policy
        assert page.headers["referrer-policy"] == "same-origin" and page.headers["cache-control"] == "no-store"
        form = {"username": "alice", "password": PASSWORD, "next": wanted}
        done = client.post("/login", data=form, headers=PAGE, follow_redirects=False)
        assert (done.status_code, done.headers["location"]) == (303, wanted)
        assert re.fullmatch(
            r"briefqa_session=[\w-]{43}; HttpOnly; Max-Age=2592000; Path=/; SameSite=lax", done.headers["set-cookie"]
        )
        alice = client.get("/who").json()
        assert alice["name"] == "alice" and alice["admin"] and "alice" not in alice["owner"]
        assert client.get(wanted).status_code == 200 and "bq-cite" in ask(client)
        bob = TestClient(app)
        assert bob.post("/login", data={"username": "bob", "password": PASSWORD}).json() == {"success": True}
        assert bob.get("/who").json()["admin"] is False and bob.get("/who").json()["owner"] != alice["owner"]


def test_logging_out_ends_a_session_that_was_copied_too(index: Path, people: Path) -> None:
    with opened(index, passwords=read_passwords(people)) as app:
        client, copy = TestClient(app), TestClient(app)
        client.post("/login", data={"username": "alice", "password": PASSWORD})
        copy.cookies.update(client.cookies)
        assert copy.get("/who").json()["name"] == "alice"
        out = client.post("/logout", headers=PAGE, follow_redirects=False)
        assert (out.status_code, out.headers["location"]) == (303, "/login")
        assert client.get("/who").status_code == copy.get("/who").status_code == 401
        assert client.post("/logout").status_code == 200  # twice does no harm


def test_a_restart_logs_nobody_out_and_a_new_password_does(index: Path, people: Path, tmp_path: Path) -> None:
    path = tmp_path / "people"
    path.write_text(people.read_text("utf-8"), encoding="utf-8")
    with opened(index, passwords=PasswordFile(path)) as app:
        client = TestClient(app)
        client.post("/login", data={"username": "alice", "password": PASSWORD})
        bob = TestClient(app)
        bob.post("/login", data={"username": "bob", "password": PASSWORD})
    assert stat.S_IMODE((index / "sessions.db").stat().st_mode) == 0o600
    assert client.cookies["briefqa_session"].encode() not in (index / "sessions.db").read_bytes()
    with opened(index, passwords=PasswordFile(path)) as app:
        again, other = TestClient(app, cookies=client.cookies), TestClient(app, cookies=bob.cookies)
        assert again.get("/who").json()["name"] == "alice" and other.get("/who").status_code == 200
        set_password(path, "alice", "another horse")
        remove_password(path, "bob")
        assert again.get("/who").status_code == other.get("/who").status_code == 401


def test_an_idle_session_ends_and_a_used_one_is_renewed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = [1e9]
    monkeypatch.setattr("briefqa.ui.sessions.time.time", lambda: clock[0])
    sessions, passwords = Sessions(tmp_path / "sessions.db"), {"alice": "$hash"}
    token = sessions.start("alice", "$hash")
    day = 24 * 3600
    for passed, renewed in ((0, False), (2 * day, True), (0, False), (29 * day, True), (29 * day, True)):
        clock[0] += passed
        found = sessions.find(token, passwords)
        assert found and found.renewed is renewed
    clock[0] += 31 * day
    assert sessions.find(token, passwords) is None and sessions.find("x", passwords) is None
    sessions.close()


def test_where_no_session_can_be_written_they_last_until_the_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sessions = Sessions(tmp_path / "none" / "sessions.db")
    assert sessions.find(sessions.start("alice", "$hash"), {"alice": "$hash"})
    assert "a restart will log everybody out" in caplog.text
    sessions.close()


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("//evil.example", "/evil.example"),
        ("https://evil.example", "/https://evil.example"),
        ("/\\evil.example", "/evil.example"),
        ("\\\\evil.example", "/evil.example"),
        ("/\t/evil.example", "/%09/evil.example"),
        ("/x\r\nSet-Cookie: a=b", "/x%0D%0ASet-Cookie:%20a=b"),
        ("javascript:alert(1)", "/javascript:alert(1)"),
        ("", "/"),
    ],
)
def test_a_log_in_leads_to_no_other_site(index: Path, people: Path, wanted: str, led_to: str) -> None:
    with opened(index, passwords=read_passwords(people)) as app:
        form = {"username": "alice", "password": PASSWORD, "next": wanted}
        done = TestClient(app).post("/login", data=form, headers=PAGE, follow_redirects=False)
        assert (done.status_code, done.headers["location"]) == (303, led_to)


def test_a_wrong_log_in_is_told_in_words_and_shows_what_was_typed_as_text(index: Path, people: Path) -> None:
    with opened(index, passwords=read_passwords(people)) as app:
        client = TestClient(app)
        form = {"username": '"><script>alert(1)</script>', "password": "x", "next": '/"><b>'}
        refused = client.post("/login", data=form, headers={**PAGE, "accept-language": "zh-CN"})
        assert refused.status_code == 401 and CHINESE.login_wrong in refused.text
        assert "<script" not in refused.text and "<b>" not in refused.text and "&lt;script" in refused.text
        for name in ("alice", "nobody"):
            wrong = client.post("/login", data={"username": name, "password": "wrong password"})
            assert (wrong.status_code, wrong.json()) == (401, {"error": "Wrong name or password."})
        assert client.post("/login", content=b"x" * 20_000).status_code == 413
        assert client.post("/login", content=b"\xff&&==&username").status_code == 401
        assert "set-cookie" not in refused.headers


def test_who_guesses_has_to_wait_and_others_have_not(index: Path, people: Path) -> None:
    with opened(index, passwords=read_passwords(people)) as app:
        client = TestClient(app)
        for _ in range(_FREE_FOR_NAME):
            assert client.post("/login", data={"username": "alice", "password": "wrong"}).status_code == 401
        right = {"username": "alice", "password": PASSWORD}
        refused = client.post("/login", data=right)
        assert refused.status_code == 429 and 50 < int(refused.headers["retry-after"]) <= 61
        assert ENGLISH.login_often.format(count=1) in client.post("/login", data=right, headers=PAGE).text
        assert client.get("/who", headers=basic("alice", PASSWORD)).status_code == 429
        assert client.post("/login", data={**right, "username": "bob"}).status_code == 200
        elsewhere = TestClient(app, client=("203.0.113.7", 1))
        assert elsewhere.post("/login", data=right).status_code == 200


def test_waits_grow_and_memory_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("briefqa.ui.logins.time.monotonic", lambda: clock[0])
    mistakes = Mistakes()
    waits = []
    for _ in range(12):
        try:
            mistakes.begin("c", "alice")
        except TooManyMistakes as too_many:
            waits.append(too_many.seconds)
            clock[0] += too_many.seconds
            mistakes.begin("c", "alice")
    assert waits == [61, 121, 241, 481, 961, 1921, 3601]
    spraying = Mistakes()
    for number in range(_FREE_FOR_CLIENT):
        spraying.begin("c", f"name{number}")
    with pytest.raises(TooManyMistakes):
        spraying.begin("c", "one more")
    for number in range(20_000):
        spraying.begin(f"client{number}", "alice")
    assert len(spraying._counts) <= 10_000


def test_a_script_gives_name_and_password_with_each_request(
    index: Path, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "people"
    path.write_text(people.read_text("utf-8"), encoding="utf-8")
    checked = []
    from briefqa.passwords import verify

    monkeypatch.setattr("briefqa.ui.logins.verify", lambda *given: checked.append(given[1]) or verify(*given))
    with opened(index, passwords=PasswordFile(path), admins=["alice"]) as app:
        client = TestClient(app)
        for _ in range(5):
            got = client.get("/who", headers=basic("alice", PASSWORD))
            assert got.json()["name"] == "alice" and got.json()["admin"]
        assert checked == ["alice"]  # once for five requests
        for wrong in (basic("alice", "wrong"), {"authorization": "Basic !"}, {"authorization": "Bearer x"}):
            assert client.get("/who", headers=wrong).status_code == 401
        remove_password(path, "alice")
        assert client.get("/who", headers=basic("alice", PASSWORD)).status_code == 401


def test_admins_without_passwords_are_a_mistake(index: Path) -> None:
    with BriefQA(index, BigramEncoder()) as qa, pytest.raises(ValueError, match="give passwords too"):
        create_app(qa, admins=["alice"])


# Gradio's functions, and its client.


def test_a_function_of_gradio_knows_who_asks(people: Path) -> None:
    def who(request: gr.Request) -> str:
        found = visitor(request)
        return f"{found.owner} {found.admin}"

    async def build() -> FastAPI:
        app = FastAPI()

        @app.get("/who")
        def plain(request: Request) -> str:
            return f"{visitor(request).owner} {visitor(request).admin}"

        with gr.Blocks(analytics_enabled=False) as page:
            text = gr.Textbox()
            page.load(who, None, [text], api_name="who")
        app.add_middleware(Gate, Access(local=True))
        return gr.mount_gradio_app(app, page, "/", mcp_server=False)

    with TestClient(asyncio.run(build()), headers=HERE) as client:
        owner = client.get("/who").json()
        assert owner.endswith(" True")
        event = client.post("/gradio_api/call/who", json={"data": []}).json()["event_id"]
        assert owner in client.get(f"/gradio_api/call/who/{event}").text


def test_gradio_client_logs_in(index: Path, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    with opened(index, passwords=read_passwords(people)) as app, serving(app) as url:
        quiet: dict[str, Any] = {"verbose": False, "analytics_enabled": False, "download_files": False}
        for way in ({"auth": ("alice", PASSWORD)}, {"headers": basic("alice", PASSWORD)}):
            client = Client(url, **way, **quiet)
            assert client.config["title"] == "briefqa"
            client.close()
        with pytest.raises(AuthenticationError):
            Client(url, auth=("alice", "wrong password"), **quiet)


# Below a path.


@pytest.mark.parametrize("strips", [True, False])
def test_a_proxy_may_serve_the_chat_below_a_path(index: Path, people: Path, strips: bool) -> None:
    with opened(index, passwords=read_passwords(people), root_path="/briefs") as app:

        async def proxy(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                assert scope["path"].startswith("/briefs/")
                headers = [(name, b"127.0.0.1:7860" if name == b"host" else value) for name, value in scope["headers"]]
                headers += [(b"x-forwarded-host", b"briefs.example"), (b"x-forwarded-proto", b"https")]
                path = scope["path"][7:] if strips else scope["path"]
                scope = {**scope, "path": path, "raw_path": path.encode(), "headers": headers}
            await app(scope, receive, send)

        with TestClient(proxy, base_url="https://briefs.example") as client:
            sent = client.get("/briefs/source/policy", headers=PAGE, follow_redirects=False)
            assert sent.headers["location"] == "/briefs/login?next=%2Fsource%2Fpolicy"
            form = {"username": "alice", "password": PASSWORD, "next": "/source/policy"}
            own = {**PAGE, "origin": "https://briefs.example"}
            done = client.post("/briefs/login", data=form, headers=own, follow_redirects=False)
            assert done.headers["location"] == "/briefs/source/policy"
            assert done.headers["set-cookie"].endswith("; Path=/briefs; SameSite=lax; Secure")
            assert client.get("/briefs/source/policy").status_code == 200
            page = client.get("/briefs/")
            assert page.status_code == 200 and "og:image" not in page.text
            assert all(f"{url}/".startswith("https://briefs.example/briefs/") for url in addresses(page.text))
            assert "bq-cite" in ask(client, below="/briefs")
            assert client.post("/briefs/gradio_api/upload", files={"files": b"x"}).status_code == 403
            out = client.post("/briefs/logout", headers=own, follow_redirects=False)
            assert out.headers["location"] == "/briefs/login"


@pytest.mark.parametrize(("given", "clean"), [("", ""), ("/", ""), ("/briefs/", "/briefs"), ("/a/b-c", "/a/b-c")])
def test_a_root_path_ends_without_a_slash(given: str, clean: str) -> None:
    assert clean_root_path(given) == clean


@pytest.mark.parametrize(
    "path", ["briefs", "//evil.example", "/a/../b", "/.", "/a b", "/a?b", "http://a.b/c", "/a;b", "/ä"]
)
def test_what_is_no_root_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is no path to serve the chat at"):
        clean_root_path(path)


# In another app.


@contextmanager
def another_app(index: Path, **options: Any) -> Iterator[FastAPI]:
    async def build(qa: BriefQA) -> FastAPI:
        app = FastAPI()

        @app.get("/")
        def home() -> str:
            return "mine"

        mount(app, "/library/", qa, **options)
        return app

    with BriefQA(index, BigramEncoder()) as qa:
        yield asyncio.run(build(qa))


def test_the_chat_is_mounted_in_another_app_and_keeps_to_its_path(index: Path) -> None:
    with another_app(index) as app, TestClient(app) as client:
        home = client.get("/")
        assert home.json() == "mine"
        assert "content-security-policy" not in home.headers and "set-cookie" not in home.headers
        page = client.get("/library")
        assert page.url.path == "/library/" and page.status_code == 200 and "og:image" not in page.text
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert all(f"{url}/".startswith("http://testserver/library/") for url in addresses(page.text))
        assert "Path=/library;" in page.history[0].headers.get("set-cookie", "") + page.headers.get("set-cookie", "")
        assert "芯片出口政策" in client.get("/library/source/policy").text
        assert client.get("/library/healthz").json() == {"generation": 1}
        assert "bq-cite" in ask(client, below="/library")
        assert client.post("/library/gradio_api/upload", files={"files": b"x"}).status_code == 403
        foreign = {"origin": "http://evil.example"}
        assert client.post("/library/gradio_api/queue/join", json={}, headers=foreign).status_code == 403
        assert client.get("/source/policy").status_code == client.get("/healthz").status_code == 404


def test_a_mounted_chat_can_have_a_log_in_of_its_own(index: Path, people: Path) -> None:
    with another_app(index, passwords=read_passwords(people)) as app, TestClient(app) as client:
        assert client.get("/").json() == "mine"
        sent = client.get("/library/", headers=PAGE, follow_redirects=False)
        assert (sent.status_code, sent.headers["location"]) == (303, "/library/login")
        form = {"username": "alice", "password": PASSWORD}
        done = client.post("/library/login", data=form, headers=PAGE, follow_redirects=False)
        assert (done.status_code, done.headers["location"]) == (303, "/library/")
        assert client.get("/library/").status_code == 200


def test_a_mounted_chat_is_served_by_a_real_server(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    with another_app(index) as app, serving(app) as url:
        client = Client(f"{url}/library", verbose=False, analytics_enabled=False, download_files=False)
        assert client.config["title"] == "briefqa" and client.config["root"] == f"{url}/library"
        client.close()


def test_an_index_that_was_opened_for_the_mount_ends_with_the_app(
    index: Path, encoder: BigramEncoder, monkeypatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("briefqa.api.load_encoder", lambda *_: encoder)
    ended = []

    class Own(BriefQA):
        def close(self) -> None:
            ended.append(True)
            super().close()

    monkeypatch.setattr("briefqa.api.BriefQA", Own)
    started = []

    async def build() -> FastAPI:
        from contextlib import asynccontextmanager

        @asynccontextmanager
        async def lifespan(app: FastAPI):  # type: ignore[no-untyped-def]
            started.append(True)
            yield {"mine": 1}

        app = FastAPI(lifespan=lifespan)
        mount(app, index=index)
        return app

    with TestClient(asyncio.run(build())) as client:
        assert started and client.get("/briefqa/source/").status_code == 200 and not ended
    assert ended


def test_a_mounted_chat_watches_its_corpus_as_long_as_the_app_runs(corpus: Path, index: Path) -> None:
    def watching() -> bool:
        return any(thread.name == "watch" for thread in threading.enumerate())

    with another_app(index, corpus=corpus, watch=True) as app:
        assert not watching()
        with TestClient(app):
            assert watching()
        assert not watching()


def test_briefqa_ui_is_light_to_import() -> None:
    code = (
        "import sys, briefqa.ui\n"
        "heavy = {'gradio', 'fastapi', 'starlette', 'uvicorn', 'argon2', 'numpy', 'sqlite3', 'torch'}\n"
        "sys.exit(str(heavy & set(sys.modules) or 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "0"


# The command.


@contextmanager
def command(index: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    args = [sys.executable, "-m", "briefqa", "chat", "--index", str(index), "--port", "0", *options]
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found, process.stderr.read()
            yield found.group(), process
        finally:
            process.terminate()


def test_the_command_serves_a_log_in_below_a_path_and_warns_without_one(corpus: Path, people: Path) -> None:
    import httpx

    import briefqa

    index = corpus.parent / "bundled"
    briefqa.build(corpus, index)
    options = ("--host", "0.0.0.0", "--auth", str(people), "--admin", "alice", "--root-path", "/briefs")
    with command(index, *options) as (url, process):
        sent = httpx.get(url, headers={**PAGE, "host": "briefs.example"})
        assert (sent.status_code, sent.headers["location"]) == (303, "/briefs/login")
        process.terminate()
        assert process.stderr and process.stderr.read() == ""
    with command(index, "--host", "0.0.0.0") as (url, process):
        assert httpx.get(f"{url}healthz", headers={"host": "briefs.example"}).status_code == 200
        process.terminate()
        assert process.stderr
        warned = process.stderr.read()
        assert warned == "briefqa: anyone who reaches 0.0.0.0 can read the briefs: give --auth FILE\n"
    with command(index) as (url, _):
        assert httpx.get(f"{url}healthz", headers={"host": "briefs.example"}).status_code == 421
        assert httpx.get(f"{url}healthz").status_code == 200
