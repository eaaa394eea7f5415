"""Takes the store that is meant: the embedded one in a folder, or the one on Milvus at an address.

reader = open_reader(Path("index"), "")
writer = open_writer(Path("index"), "milvus://host:19530", wait=0)
"""

from __future__ import annotations

from pathlib import Path

from briefqa.store.contract import Ledger, Reader, Writer


def open_reader(index: Path, address: str) -> Reader:
    """Open an index for questions. Raises IndexNotFoundError, IndexCorruptError, StoreError, SettingsError."""
    if address:
        from briefqa.store.milvus import MilvusReader

        return MilvusReader(address)
    from briefqa.store.reader import IndexReader

    return IndexReader(index)


def open_writer(index: Path, address: str, wait: float = 0.0) -> Writer:
    """Begin a build. Raises IndexLockedError, IndexWriteError, IndexCorruptError, StoreError, SettingsError."""
    if address:
        from briefqa.store.milvus import MilvusWriter

        return MilvusWriter(address, wait)
    from briefqa.store.writer import IndexWriter

    return IndexWriter(index, wait)


def open_ledger(index: Path, address: str) -> Ledger:
    """Look at what an index holds. Raises IndexCorruptError, StoreError, SettingsError."""
    if address:
        from briefqa.store.milvus import MilvusLedger

        return MilvusLedger(address)
    from briefqa.store.ledger import Ledger as EmbeddedLedger

    return EmbeddedLedger(index)
