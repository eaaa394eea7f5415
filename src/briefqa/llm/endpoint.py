"""Any OpenAI-compatible endpoint: messages in, the text of a reply out, as it is written.

    model = LanguageModel(Endpoint("http://127.0.0.1:8080/v1", "qwen3"))
    model.complete([{"role": "user", "content": "Bonjour"}], max_tokens=50)

Whatever goes wrong is one LLMError, which says what to do and never holds the key. The `openai` package sends requests
and knows its own errors; the reply is read here byte by byte, so that time and length are limited whatever a server
sends.

| what went wrong | what is done |
|---|---|
| 429 with a short Retry-After | asked once more |
| 400 over max_tokens or temperature, which newer models do not take | asked once more without them |
| no package, no such address, refused, silent, slow, 401, 403, 404, 429, 5xx | LLMError |
| a reply that breaks off, is empty, is no JSON, or is a web page | LLMError |
| a prompt too long for the model's context | LLMError with too_long |
| a reply that does not end | its beginning |
"""

from __future__ import annotations

import codecs
import json
import re
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from briefqa.errors import LLMError
from briefqa.settings import Settings

Messages = Sequence[Mapping[str, str]]
"""{"role": "system" or "user", "content": text}, in order."""

_OPENAI = "https://api.openai.com/v1"
# Servers of one model take any name.
_ANY_MODEL = "default"
# Characters that are read of a reply, reasoning included; a model that goes on is talking to itself.
_LONGEST_REPLY = 100_000
# Bytes without the end of a line, of which no server's event has more than a few hundred.
_LONGEST_LINE = 1_000_000
# Seconds that a Retry-After may ask for: longer, and the reader would rather have the quotes.
_LONGEST_PAUSE = 5.0
_LONGEST_DETAIL = 120  # characters of a server's own words in a message

_TOO_LONG = re.compile(
    r"context[ _-]?(?:length|size|window)|maximum (?:context|model|input|sequence)|n_ctx|max_model_len"
    r"|(?:prompt|input|request)\b.{0,20}\btoo (?:long|large)|too many (?:input |prompt )?tokens",
    re.IGNORECASE,
)
_NEWER_MODEL = re.compile(r"max_completion_tokens|temperature", re.IGNORECASE)
_REASONING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_REASONED = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_OPEN_TAG = re.compile(r"</?[a-z]{0,8}\Z", re.IGNORECASE)

_FAILURES = {
    "package": (
        'the package that talks to language models is not installed: pip install "briefqa[llm]"',
        '没有安装与语言模型通信的软件包：pip install "briefqa[llm]"',
    ),
    "address": (
        "the language model's address cannot be used: write it like http://127.0.0.1:8080/v1",
        "语言模型的地址无法使用：请写成 http://127.0.0.1:8080/v1 的形式",
    ),
    "characters": (
        "the language model's key has characters that no key has: set BRIEFQA_LLM_API_KEY again",
        "语言模型的密钥含有不合法的字符：请重新设置 BRIEFQA_LLM_API_KEY",
    ),
    "refused": (
        "no language model can be reached at {host}: start it, or correct its address",
        "{host} 连接不上语言模型：请启动它，或改正地址",
    ),
    "silent": (
        "the language model at {host} kept silent for {seconds:g} s: it may be busy, ask again later",
        "{host} 的语言模型 {seconds:g} 秒没有回应：可能正忙，请稍后再问",
    ),
    "slow": (
        "the language model at {host} did not finish within {seconds:g} s: ask again later, or take a smaller model",
        "{host} 的语言模型在 {seconds:g} 秒内没有写完：请稍后再问，或换一个小一些的模型",
    ),
    "key": (
        "the language model at {host} does not accept the key ({status}): set BRIEFQA_LLM_API_KEY",
        "{host} 的语言模型不接受这个密钥（{status}）：请设置 BRIEFQA_LLM_API_KEY",
    ),
    "permission": (
        "the language model at {host} does not let this key in ({status}): ask for access, or name another model",
        "{host} 的语言模型不允许这个密钥访问（{status}）：请申请权限，或换一个模型",
    ),
    "model": (
        "there is no model {model} at {host}: name one that is there with BRIEFQA_LLM_MODEL",
        "{host} 没有名为 {model} 的模型：请用 BRIEFQA_LLM_MODEL 指定一个已有的模型",
    ),
    "path": (
        "nothing like OpenAI's interface is at {host}: correct the address, which mostly ends in /v1",
        "{host} 处没有与 OpenAI 兼容的接口：请改正地址，它通常以 /v1 结尾",
    ),
    "busy": (
        "the language model at {host} has too many requests (429): wait, or look at the account's limits",
        "{host} 的语言模型请求过多（429）：请稍候，或查看账户的限额",
    ),
    "fault": (
        "the language model at {host} has a fault of its own ({status}): ask again later",
        "{host} 的语言模型自身出错（{status}）：请稍后再问",
    ),
    "declined": (
        "the language model at {host} turned the request down ({status}{detail}): try another model",
        "{host} 的语言模型拒绝了请求（{status}{detail}）：请换一个模型",
    ),
    "too long": (
        "the question and its sources are too long for the language model at {host}: give it a larger context",
        "问题与资料对 {host} 的语言模型来说太长：请给它更大的上下文",
    ),
    "broken": (
        "the language model at {host} broke off in the middle of its reply: ask again",
        "{host} 的语言模型在回答中途断开：请再问一次",
    ),
    "nonsense": (
        "what came from {host} is no reply of a language model: correct the address, which mostly ends in /v1",
        "{host} 发来的不是语言模型的回答：请改正地址，它通常以 /v1 结尾",
    ),
    "empty": (
        "the language model at {host} said nothing: ask again, or take another model",
        "{host} 的语言模型给出了空回答：请再问一次，或换一个模型",
    ),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a language model is. The key is in no repr and in no message.

    base_url: mostly ends in /v1; "" is OpenAI's own. model: "" takes what a server of one model has.
    """

    base_url: str = ""
    model: str = ""
    api_key: str = field(default="", repr=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> Endpoint:
        """Return what a user has set; it may be none, see `configured`."""
        return cls(settings.llm_base_url.strip(), settings.llm_model.strip(), settings.llm_api_key.strip())

    @property
    def configured(self) -> bool:
        """Whether there is an endpoint to ask."""
        return bool(self.base_url or self.model)

    @property
    def host(self) -> str:
        """The address as messages name it: without user, password, path or query."""
        try:
            parts = urlsplit(self.base_url or _OPENAI)
            return f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""
        except ValueError:
            return ""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: until a connection stands, without a word (before the first and between two), and in all.

    A laptop's processor reads a prompt of 2,000 tokens in half a minute before it writes the first word.
    """

    connect: float = 5.0
    silence: float = 60.0
    total: float = 120.0


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A language model to talk to; safe to share between threads, it keeps nothing open."""

    endpoint: Endpoint
    limits: Limits = Limits()

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.endpoint.model or _ANY_MODEL

    def complete(self, messages: Messages, max_tokens: int, timeout: float | None = None) -> str:
        """Return the whole reply, without reasoning. timeout: seconds in all. Raises LLMError."""
        reply = spoken("".join(self.stream(messages, max_tokens, timeout)), ended=True).strip()
        if not reply:
            raise self.failure("empty")
        return reply

    def stream(self, messages: Messages, max_tokens: int, timeout: float | None = None) -> Generator[str, None, None]:
        """Yield the reply piece by piece, as it is written, reasoning and all (see `spoken`).

        timeout: seconds in all, else those of the limits. Raises LLMError, before the first piece or in between.
        """
        openai = self._import()
        total = self.limits.total if timeout is None else timeout
        deadline = time.monotonic() + total
        waits = openai.Timeout(min(self.limits.silence, total), connect=min(self.limits.connect, total))
        length = 0
        try:
            with ExitStack() as stack:
                response = self._ask(openai, stack, waits, messages, max_tokens, deadline)
                for piece in self._pieces(response, deadline, total):
                    length += len(piece)
                    yield piece
                    if length > _LONGEST_REPLY:
                        return
        except LLMError:
            raise
        except openai.APIStatusError as error:
            raise self._status_failure(error) from None
        except Exception as error:
            # The reply is read from the transport itself, whose errors are of one package or another.
            names = {kind.__name__ for fault in (error, error.__cause__) for kind in type(fault).__mro__}
            if "ConnectTimeout" in names or (length == 0 and "ConnectError" in names):
                raise self.failure("refused") from None
            if names & {"APITimeoutError", "TimeoutException"}:
                raise self.failure("silent", seconds=min(self.limits.silence, total)) from None
            raise self.failure("broken") from None
        if length == 0:
            raise self.failure("empty")

    def _import(self) -> Any:
        try:
            import openai
        except ImportError:
            raise self.failure("package") from None
        return openai

    def _ask(
        self, openai: Any, stack: ExitStack, waits: Any, messages: Messages, max_tokens: int, deadline: float
    ) -> Any:
        """Send the request, a second time where that may help, and return the response, not yet read."""
        key = self.endpoint.api_key
        if not key.isascii() or not key.isprintable():
            raise self.failure("characters")
        if not re.match(r"https?://", self.endpoint.base_url or _OPENAI, re.IGNORECASE) or not self.endpoint.host:
            raise self.failure("address")
        # All of it said here, for the package would take another service's address and key from the environment.
        client = stack.enter_context(
            openai.OpenAI(
                base_url=self.endpoint.base_url or _OPENAI, api_key=key or "none", timeout=waits, max_retries=0
            )
        )
        client.organization = client.project = None
        create = client.chat.completions.with_streaming_response.create
        request = {"model": self.name, "messages": list(messages), "stream": True}
        try:
            return stack.enter_context(create(**request, max_tokens=max_tokens, temperature=0))
        except openai.RateLimitError as error:
            pause = _retry_after(error.response.headers.get("retry-after", ""))
            if pause is None or time.monotonic() + pause > deadline:
                raise
            time.sleep(pause)
            return stack.enter_context(create(**request, max_tokens=max_tokens, temperature=0))
        except openai.BadRequestError as error:
            if not _NEWER_MODEL.search(str(error)):
                raise
            return stack.enter_context(create(**request, max_completion_tokens=max_tokens))

    def _pieces(self, response: Any, deadline: float, total: float) -> Iterator[str]:
        """Yield the text of a response: server-sent events, or one JSON document from a server that cannot stream."""
        kind = response.headers.get("content-type", "").casefold()
        lines = self._lines(response.iter_bytes(), deadline, total)
        if "json" in kind:
            yield self._text_of("\n".join(lines), "message")[0]
            return
        if "event-stream" not in kind:
            raise self.failure("nonsense")
        ended = False
        for line in lines:
            if not line.startswith("data:"):
                continue
            data = line[len("data:") :].strip()
            if data == "[DONE]":
                return
            if data:
                text, last = self._text_of(data, "delta")
                ended = ended or last
                if text:
                    yield text
        if not ended:
            raise self.failure("broken")

    def _lines(self, chunks: Iterable[bytes], deadline: float, total: float) -> Iterator[str]:
        """Yield lines, in no more time and memory than they may take."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        for chunk in chunks:
            if time.monotonic() > deadline:
                raise self.failure("slow", seconds=total)
            *lines, rest = (rest + decoder.decode(chunk)).split("\n")
            yield from lines
            if len(rest) > _LONGEST_LINE:
                raise self.failure("nonsense")
        yield rest

    def _text_of(self, data: str, part: str) -> tuple[str, bool]:
        """Return the text in an event, and whether it says that the reply ends with it."""
        try:
            event = json.loads(data)
            if "error" in event:
                raise self.failure("too long" if _TOO_LONG.search(data) else "broken")
            choices = event["choices"]
            if not choices:  # an account of the tokens used
                return "", False
            text = choices[0].get(part, {}).get("content")
            return text if isinstance(text, str) else "", bool(choices[0].get("finish_reason"))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
            raise self.failure("nonsense") from None

    def _status_failure(self, error: Any) -> LLMError:
        status, words = int(error.status_code), str(error)
        if status == 413 or (status in (400, 422, 500) and _TOO_LONG.search(words)):
            return self.failure("too long")
        if status == 404:
            return self.failure("model" if "model" in words.casefold() else "path")
        if status == 429:
            return self.failure("busy")
        named = {401: "key", 403: "permission"}
        return self.failure(
            named.get(status, "fault" if status >= 500 else "declined"), status=status, detail=self._detail(error.body)
        )

    def _detail(self, body: object) -> str:
        """Return the server's own words, unless a piece of the key is among them."""
        inner = body.get("message", "") if isinstance(body, dict) else ""
        words = " ".join("".join(char if char.isprintable() else " " for char in str(inner)).split())
        key = self.endpoint.api_key
        if any(key[i : i + 6] in words for i in range(max(1, len(key) - 5)) if key):
            return ""
        return f": {words[:_LONGEST_DETAIL]}" if words else ""

    def failure(self, kind: str, **parts: object) -> LLMError:
        """Return the error for a kind of failure: a name of `_FAILURES`."""
        english, chinese = _FAILURES[kind]
        named = {"host": self.endpoint.host, "model": self.name, **parts}
        return LLMError(english.format(**named), chinese.format(**named), too_long=kind == "too long")


def spoken(reply: str, ended: bool = False) -> str:
    """Return a reply, or what there is of one, without its reasoning: <think>…</think>, whose opening may be missing.

    ended: no more will come; else what may become a tag is held back.
    """
    text = _REASONED.split(_REASONING.sub("", reply))[-1]
    return text if ended else _OPEN_TAG.sub("", text)


def _retry_after(value: str) -> float | None:
    """Return the seconds that a Retry-After header asks for; None for too many, for a date and for nonsense."""
    try:
        pause = float(value)
    except ValueError:
        return None
    return pause if 0 <= pause <= _LONGEST_PAUSE else None
