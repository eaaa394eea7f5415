"""What a generation is, in a small collection of its own, which the index's alias stands for.

Whoever holds a manifest can read its generation, whatever is built meanwhile: it names the base in which the rows are,
the versions in it that are dead, and what is known of all rows together.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from briefqa.encoders.geometry import Geometry
from briefqa.errors import IndexCorruptError
from briefqa.store.milvus.engine import Engine
from briefqa.store.milvus.layout import FORMAT, NO_VECTOR, collection, dump, fields_of, indexes_of, pieces
from briefqa.store.schema import COSINES, IndexInfo, identity_of


class Damaged(IndexCorruptError):
    """A manifest cannot be read; the next build starts over."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation of an index.

    meta: what the build said of itself. base: of the collections; "" where there are no rows. dim: of the vectors; 0
    where there are no chunks. next_id: the first number that is free. articles, chunks, spans, length: counts; length
    is that of all chunks in terms. scripts: chunks of each. dead: (version, when) of those that died, seconds since
    1970. retired: (collection, when). seen: (generation, when) of those that may still be read. problems: as in
    IndexInfo. directions: of the encoder's geometry, as base64 of float32.
    """

    generation: int = 0
    meta: dict[str, str] = field(default_factory=dict)
    base: str = ""
    dim: int = 0
    next_id: int = 1
    articles: int = 0
    chunks: int = 0
    spans: int = 0
    length: int = 0
    scripts: dict[str, int] = field(default_factory=dict)
    dead: tuple[tuple[int, float], ...] = ()
    retired: tuple[tuple[str, float], ...] = ()
    seen: tuple[tuple[int, float], ...] = ()
    problems: tuple[tuple[str, int, str], ...] = ()
    directions: tuple[str, ...] = ()
    format: int = FORMAT

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells this build from all others."""
        return identity_of(self.meta)

    def geometry(self) -> Geometry:
        """Return what was measured of the encoder."""
        rows = [np.frombuffer(base64.b64decode(row), dtype="<f4") for row in self.directions]
        directions = np.stack(rows) if rows else np.empty((0, self.dim), dtype=np.float32)
        return Geometry(directions, **{name: float(self.meta.get(name, 0)) for name in COSINES})

    def with_geometry(self, geometry: Geometry) -> Manifest:
        """Return the manifest with what was measured of another encoder."""
        rows = tuple(base64.b64encode(row.astype("<f4").tobytes()).decode() for row in geometry.directions)
        measured = {name: repr(float(getattr(geometry, name))) for name in COSINES}
        return replace(self, directions=rows, meta={**self.meta, **measured})

    def info(self) -> IndexInfo:
        """Return what is known of the index as a whole."""
        said = self.meta.get
        return IndexInfo(
            generation=self.generation,
            built_at=said("built_at", ""),
            corpus=said("corpus", ""),
            encoder=said("encoder", ""),
            fingerprint=said("fingerprint", ""),
            chunking=said("chunking", ""),
            terms=said("terms", ""),
            index_id=said("index_id", ""),
            articles=self.articles,
            chunks=self.chunks,
            spans=self.spans,
            problems=self.problems,
        )


def write_manifest(engine: Engine, manifest: Manifest, suffix: str) -> str:
    """Write a manifest into a collection of its own, and return the collection's name; nobody reads it yet."""
    name = collection(engine.address.name, "gen", f"{manifest.generation}__{suffix}")
    engine.create(name, fields_of("gen", 0), indexes_of("gen", engine.small))
    text = dump(asdict(manifest))
    engine.insert(name, ({"id": number, "body": body, "none": NO_VECTOR} for number, body in pieces(text)))
    return name


def read_manifest(engine: Engine, name: str) -> Manifest:
    """Read the manifest in a collection. Raises IndexCorruptError, Damaged where it is none, StoreError."""
    rows = sorted((row for page in engine.pages(name, "id >= 0", ["body"]) for row in page), key=lambda row: row["id"])
    shown = engine.address.shown
    try:
        said = json.loads("".join(row["body"] for row in rows))
        found = int(said["format"])
        if found > FORMAT:
            raise IndexCorruptError(
                f"the index in {shown} has format {found}, this briefqa reads up to {FORMAT}: upgrade briefqa"
            )
        lists = {name: tuple(map(tuple, said[name])) for name in ("dead", "retired", "seen", "problems")}
        return Manifest(**{**said, **lists, "directions": tuple(said["directions"])})
    except (ValueError, TypeError, LookupError) as error:
        raise Damaged(
            f"the index in {shown} is damaged (its manifest {name} cannot be read): build it again with "
            f"`briefqa build CORPUS --store {shown}`"
        ) from error


def versions(dead: Iterable[tuple[int, float]]) -> list[int]:
    """Return the versions that are dead."""
    return [version for version, _ in dead]
