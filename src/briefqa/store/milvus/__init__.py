"""The store on Milvus: a cluster, or milvus-lite in this process; see docs/milvus.md.

address     the address that people write
engine      the connection, and its failures in words
layout      what lies where: collections, fields, expressions
manifest    what a generation is
rows        articles to rows
base        the rows that belong together, as a writer uses them
lock        one writer at a time
writer      one build, shown in one step
generation  one generation, as all of its questions read it
lexical     the lexical search
stored      what is stored of articles, read back
snapshot    one generation, as a question sees it
reader      questions: one generation each
"""

from briefqa.store.milvus.reader import MilvusLedger, MilvusReader
from briefqa.store.milvus.snapshot import MilvusSnapshot
from briefqa.store.milvus.writer import MilvusWriter

__all__ = ["MilvusLedger", "MilvusReader", "MilvusSnapshot", "MilvusWriter"]
