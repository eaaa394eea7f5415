"""A language model's endpoint: what is sent, what comes back, and how each failure is put into one line."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable

import pytest
from scripted import Act, Request, fails, says, sends, serving

from briefqa.errors import BriefqaError, LLMError
from briefqa.llm.endpoint import Endpoint, LanguageModel, Limits, spoken
from briefqa.settings import Settings

KEY = "sk-secret-0123456789"
ASK = [{"role": "user", "content": "Which chips are banned?"}]
SHORT = Limits(connect=0.5, silence=0.4, total=1.0)
PATIENT = Limits(connect=5, silence=10, total=20)


def model(url: str, key: str = KEY, limits: Limits = PATIENT) -> LanguageModel:
    return LanguageModel(Endpoint(url, "tiny", key), limits)


def delta(text: str, finish: str | None = None) -> str:
    return f"data: {json.dumps({'choices': [{'delta': {'content': text}, 'finish_reason': finish}]})}\n\n"


@pytest.fixture(autouse=True)
def nothing_is_left_running() -> object:
    before = set(threading.enumerate())  # what a test before this one began may end meanwhile
    yield
    assert not set(threading.enumerate()) - before


def test_a_reply_comes_piece_by_piece_and_whole() -> None:
    with serving(says("B200 仍被禁止。", size=3)) as server:
        pieces = list(model(server.url).stream(ASK, 100))
        assert pieces == ["B20", "0 仍", "被禁止", "。"]
        assert model(server.url).complete(ASK, 100) == "B200 仍被禁止。"


def test_what_is_sent_is_what_was_set_and_nothing_of_other_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-another-service")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    with serving(says("yes")) as server:
        model(server.url).complete(ASK, 77)
        model(server.url, key="").complete(ASK, 77)
        first, second = server.requests
    assert first.path == "/v1/chat/completions"
    assert (first.body["model"], first.body["max_tokens"], first.body["stream"]) == ("tiny", 77, True)
    assert first.body["messages"] == ASK
    assert first.headers["Authorization"] == f"Bearer {KEY}" and second.headers["Authorization"] == "Bearer none"
    assert "another-service" not in str(first.headers) + str(second.headers)


def silent(request: Request) -> None:
    request.wait(5)


def silent_after_its_head(request: Request) -> None:
    request.head()
    request.wait(5)


def silent_in_between(request: Request) -> None:
    request.head()
    request.event("The B200 ")
    request.wait(5)


def pings(request: Request) -> None:
    request.head()
    while not request.server.ended.wait(0.05):  # type: ignore[attr-defined]
        request.write(": ping\n\n")


def drips(request: Request) -> None:
    request.head()
    while not request.server.ended.wait(0.05):  # type: ignore[attr-defined]
        request.event("la ")


def breaks_off(request: Request) -> None:
    request.send_response(200)
    request.send_header("Content-Type", "text/event-stream")
    request.send_header("Content-Length", "100000")
    request.end_headers()
    request.write(delta("The B200 "))


def hangs_up(request: Request) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)


def check_one_line(error: LLMError) -> None:
    assert not error.too_long and error.__cause__ is None
    for message in (str(error), error.chinese, repr(error)):
        assert len(message.splitlines()) == 1 and "sk-sec" not in message and "0123456789" not in message
    assert "：" in error.chinese and "请" in error.chinese


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (silent, "kept silent for 0.4 s"),
        (silent_after_its_head, "kept silent for 0.4 s"),
        (silent_in_between, "kept silent for 0.4 s"),
        (pings, "did not finish within 1 s"),
        (drips, "did not finish within 1 s"),
    ],
)
def test_nobody_waits_for_a_server_that_does_not_get_on(act: Act, said: str) -> None:
    with serving(act) as server:
        started = time.monotonic()
        with pytest.raises(LLMError, match=said) as failed:
            model(server.url, limits=SHORT).complete(ASK, 100)
        assert time.monotonic() - started < 4
    check_one_line(failed.value)


FAILURES: list[tuple[str, Act, str]] = [
    ("401", fails(401, f"Incorrect API key provided: {KEY}"), "does not accept the key (401): set BRIEFQA_LLM_API_KEY"),
    ("403", fails(403, f"{KEY} has no access"), "does not let this key in (403)"),
    ("404 model", fails(404, "The model `tiny` does not exist"), "there is no model tiny"),
    ("404 path", fails(404, "Not Found"), "nothing like OpenAI's interface"),
    ("429", fails(429, "Rate limit reached"), "too many requests (429)"),
    ("429, long", fails(429, "Rate limit reached", Retry_After="3600"), "too many requests (429)"),
    ("429, date", fails(429, "Rate limit", Retry_After="Fri, 31 Dec 2100 23:59:59 GMT"), "too many requests"),
    ("500", fails(500, f"boom {KEY}"), "a fault of its own (500)"),
    ("503", fails(503, "Loading model"), "a fault of its own (503)"),
    ("400", fails(400, "logprobs are not supported"), "turned the request down (400: logprobs are not supported)"),
    ("400 with the key", fails(400, f"bad header Bearer {KEY}"), "turned the request down (400)"),
    ("400 with a piece of it", fails(400, "bad key sk-sec***"), "turned the request down (400)"),
    ("breaks off", breaks_off, "broke off"),
    ("ends without an end", sends(delta("The B200 ")), "broke off"),
    ("hangs up", hangs_up, "broke off"),
    ("error in the stream", sends(delta("The "), 'data: {"error": {"message": "out of memory"}}\n\n'), "broke off"),
    ("empty", says(""), "said nothing"),
    ("blank", says("  \n "), "said nothing"),
    ("only reasoning", says("<think>Let me see. The B200"), "said nothing"),
    ("no JSON", sends("data: {'choices': \n\n"), "is no reply of a language model"),
    ("other JSON", sends('data: {"choices": {"a": 1}}\n\n'), "is no reply of a language model"),
    ("a list", sends("data: [1]\n\n"), "is no reply of a language model"),
    ("null", sends("data: null\n\n"), "is no reply of a language model"),
    ("deep JSON", sends("data: " + "[" * 100_000 + "\n\n"), "is no reply of a language model"),
    ("a web page", sends("<html>Welcome</html>", kind="text/html"), "is no reply of a language model"),
    ("one endless line", sends(*["data: " + "x" * 100_000] * 20), "is no reply of a language model"),
    ("no UTF-8", sends(b"data: \xff\xfe\n\n"), "is no reply of a language model"),
]


@pytest.mark.parametrize(("act", "said"), [failure[1:] for failure in FAILURES], ids=[name for name, *_ in FAILURES])
def test_each_failure_is_one_line_in_two_languages_without_the_key(act: Act, said: str) -> None:
    with serving(act) as server:
        with pytest.raises(LLMError) as failed:
            model(server.url).complete(ASK, 100)
        assert len(server.requests) == 1
    assert said in str(failed.value)
    check_one_line(failed.value)


TOO_LONG = [
    (
        400,
        "This model's maximum context length is 4096 tokens. However, you requested 5000.",
        "context_length_exceeded",
    ),
    (400, "the request exceeds the available context size, try increasing it", ""),
    (400, "The prompt is too long: 300000 tokens", ""),
    (413, "Payload Too Large", ""),
    (500, "input is larger than the max context size. skipped", ""),
]


@pytest.mark.parametrize(("status", "message", "code"), TOO_LONG)
def test_a_prompt_that_does_not_fit_is_told_apart(status: int, message: str, code: str) -> None:
    with serving(fails(status, message, code)) as server, pytest.raises(LLMError, match="too long") as failed:
        model(server.url).complete(ASK, 100)
    assert failed.value.too_long


def test_a_prompt_that_does_not_fit_may_be_told_in_the_stream() -> None:
    event = 'data: {"error": {"code": 400, "message": "exceeds the available context size"}}\n\n'
    with serving(sends(event)) as server, pytest.raises(LLMError) as failed:
        model(server.url).complete(ASK, 100)
    assert failed.value.too_long


def test_a_refused_connection_says_where() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(LLMError, match=f"no language model can be reached at 127.0.0.1:{port}: start it"):
        model(f"http://someone:secret@127.0.0.1:{port}/v1?token=secret").complete(ASK, 100)


def test_a_connection_that_nobody_takes_is_given_up() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(busy.getsockname())
        started = time.monotonic()
        with pytest.raises(LLMError, match="can be reached|kept silent"):
            model(f"http://127.0.0.1:{busy.getsockname()[1]}/v1", limits=SHORT).complete(ASK, 100)
        assert time.monotonic() - started < 4
        for one in waiting:
            one.close()


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "file:///etc/passwd", "http://", "http://[::1", "http://host:port/v1", "javascript:x"]
)
def test_what_is_no_address_is_said_so(url: str) -> None:
    with pytest.raises(LLMError, match="address cannot be used: write it like http"):
        model(url).complete(ASK, 100)


@pytest.mark.parametrize("key", ["schlüssel-geheim", "sk-sec\nret", "sk-sec\0ret"])
def test_a_key_with_odd_characters_is_said_so_and_not_shown(key: str) -> None:
    with serving(says("yes")) as server:
        with pytest.raises(LLMError, match="characters that no key has") as failed:
            model(server.url, key).complete(ASK, 100)
        assert not server.requests
    assert key not in str(failed.value) + failed.value.chinese


def test_without_its_package_the_cure_is_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(LLMError, match=r'pip install "briefqa\[llm\]"'):
        model("http://127.0.0.1:1/v1").complete(ASK, 100)


def test_too_many_requests_are_asked_once_more_if_that_is_soon() -> None:
    with serving(fails(429, Retry_After="0.2"), says("yes")) as server:
        started = time.monotonic()
        assert model(server.url).complete(ASK, 100) == "yes"
        assert len(server.requests) == 2 and time.monotonic() - started >= 0.2


def test_too_many_requests_are_asked_no_third_time() -> None:
    with serving(fails(429, Retry_After="0")) as server:
        with pytest.raises(LLMError, match="429"):
            model(server.url).complete(ASK, 100)
        assert len(server.requests) == 2


def test_there_is_no_second_request_that_would_come_too_late() -> None:
    with serving(fails(429, Retry_After="3")) as server:
        with pytest.raises(LLMError, match="429"):
            model(server.url).complete(ASK, 100, timeout=0.5)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "message",
    ["Unsupported parameter: use 'max_completion_tokens'.", "temperature does not support 0 with this model."],
)
def test_newer_models_are_asked_in_their_own_way(message: str) -> None:
    with serving(fails(400, message), says("yes")) as server:
        assert model(server.url).complete(ASK, 50) == "yes"
        body = server.requests[1].body
    assert body["max_completion_tokens"] == 50 and "max_tokens" not in body and "temperature" not in body


def test_a_server_that_cannot_stream_will_do() -> None:
    reply = {"choices": [{"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}
    with serving(sends(json.dumps(reply, indent=1), kind="application/json")) as server:
        assert model(server.url).complete(ASK, 100) == "yes"


def test_events_may_be_cut_anywhere_and_be_of_other_kinds() -> None:
    stream = (
        ': comment\r\n\r\nevent: message\r\ndata: {"choices": []}\r\n\r\n'
        + delta("芯片").replace("\\u", "\\u")
        + 'data: {"choices": [{"delta": {"role": "assistant", "content": null}}]}\n\n'
        + 'data: {"choices": [{"delta": {"reasoning_content": "hm"}}]}\n\n'
        + "data: "
        + json.dumps({"choices": [{"delta": {"content": "被禁止"}}]}, ensure_ascii=False)
        + "\n\n"
        + delta("。", "stop")
    ).encode()
    with serving(sends(*(stream[i : i + 1] for i in range(len(stream))))) as server:
        assert model(server.url).complete(ASK, 100) == "芯片被禁止。"


def test_a_reply_without_end_is_cut_and_the_connection_closed() -> None:
    with serving(says("x" * 1_000_000, size=5_000)) as server:
        reply = model(server.url, limits=Limits()).complete(ASK, 100)
    assert 100_000 <= len(reply) <= 110_000 and set(reply) == {"x"}


def test_whoever_stops_listening_closes_the_connection() -> None:
    closed = threading.Event()

    def act(request: Request) -> None:
        request.head()
        try:
            while not request.server.ended.wait(0.01):  # type: ignore[attr-defined]
                request.event("la " * 1000)
        except OSError:
            closed.set()

    with serving(act) as server:
        pieces = model(server.url).stream(ASK, 100)
        assert next(pieces).startswith("la")
        pieces.close()
        assert closed.wait(2)


@pytest.mark.parametrize(
    ("reply", "rest"),
    [
        ("<think>Is it? Yes.</think>\n\nYes.", "\n\nYes."),
        ("<thinking>Hm</thinking>Yes.", "Yes."),
        ("Is it? Yes.</think>Yes.", "Yes."),
        ("<think>a</think>Yes. <think>b</think>No.", "Yes. No."),
        ("<think>never closed", ""),
        ("No reasoning, 3 < 5.", "No reasoning, 3 < 5."),
    ],
)
def test_reasoning_is_not_part_of_a_reply(reply: str, rest: str) -> None:
    assert spoken(reply, ended=True) == rest
    with serving(says(reply, size=2)) as server:
        if rest:
            assert model(server.url).complete(ASK, 100) == rest.strip()


def test_a_tag_that_has_only_begun_is_held_back() -> None:
    reply = "<think>Hm.</think>Yes."
    shown = [spoken(reply[:end]) for end in range(len(reply) + 1)]
    assert all("Yes.".startswith(text) for text in shown) and shown[-1] == "Yes."


def test_the_key_is_in_no_repr() -> None:
    settings = Settings.from_environment(llm_api_key=KEY, llm_base_url="http://127.0.0.1/v1")
    endpoint = Endpoint.from_settings(settings)
    assert endpoint.api_key == KEY
    assert KEY not in repr(settings) + repr(endpoint) + repr(LanguageModel(endpoint)) + str(endpoint)


def test_the_environment_names_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BASE_URL", "MODEL", "API_KEY"):
        monkeypatch.delenv(f"BRIEFQA_LLM_{name}", raising=False)
    assert not Endpoint.from_settings(Settings.from_environment()).configured
    monkeypatch.setenv("BRIEFQA_LLM_API_KEY", KEY)
    assert not Endpoint.from_settings(Settings.from_environment()).configured
    monkeypatch.setenv("BRIEFQA_LLM_MODEL", "small")
    endpoint = Endpoint.from_settings(Settings.from_environment())
    assert endpoint.configured and (endpoint.model, endpoint.host) == ("small", "api.openai.com")
    monkeypatch.setenv("BRIEFQA_LLM_BASE_URL", "http://localhost:1234/v1")
    assert Endpoint.from_settings(Settings.from_environment()).host == "localhost:1234"


@pytest.mark.parametrize("read", [lambda error: str(error), lambda error: error.chinese])
def test_an_llm_error_is_one_of_ours(read: Callable[[LLMError], str]) -> None:
    error = LLMError("it failed")
    assert isinstance(error, BriefqaError) and read(error) == "it failed" and error.exit_status == 1
