"""The index; nothing outside this package knows how it is stored.

    contract     what a store must do; `opening` takes the one that is meant
    milvus       the store on Milvus, see there; the rest is the embedded one, a folder on disk
    schema       the SQLite database, which is the truth: tables, format version
    connections  how it is opened for reading, and what is said where it cannot be
    writer       one build, one transaction
    postings     where each term stands
    matching     the lexical search: BM25 over what was read of it
    cells        a quantised FAISS index for many vectors, measured as it is made
    rows         vectors in memory, or left in their file and checked as they are read
    parts        vectors and facts of consecutive chunks, from the database or from files
    vectors      the vectors of one generation: a part that stays, and what has come since
    following    one build from the one before it
    cache        the vectors of one generation on the disk, beside the database
    embedded     what a long build has embedded so far, in case that it is interrupted
    ledger       what there is, without the vectors: for those who want to know what a build would do
    snapshots    one generation, as a question sees it
    seen         what a reader sees of an article
    newest       asking again where the generation is gone in the middle, in every store
    reader       questions: one consistent snapshot each
    damage       what is wrong with a database's structure
    inspection   a whole index against itself

What a crash can leave, and what the next start does:

| left behind                                   | then                                                          |
|-----------------------------------------------|---------------------------------------------------------------|
| the lock of a build that was killed           | nothing: it is the operating system's, and ended with it       |
| a first build killed before its commit        | a database without tables, which is no index: built anew       |
| a build killed before its commit              | SQLite rolls back: the old generation, vectors of it in cache; |
|                                               | what was embedded is in `embedded.db`, for the next build      |
| a commit cut off in the log                   | the old generation: its checksums tell SQLite where it ends    |
| a build killed after its commit               | the new generation; the cache is older and is made again       |
| a half-written cache folder (a `.tmp` name)   | never read; removed by the next build                          |
| a cache cut short, or with a flipped byte     | its checksum differs: made again from the database; of many    |
|                                               | vectors each has its own, and is checked whenever it is read   |
| a cache of a build that was undone            | it says of which build it is: made again from the database     |
| no cache at all                               | made again from the database                                   |
| damaged pages, content that is not what was   | IndexCorruptError, as soon as a question meets it, and         |
| built                                         | `briefqa status --deep`: delete it and build again             |
"""

from briefqa.store.contract import CandidateSpans, Facts, Ledger, Match, Reader, Snapshot, Writer
from briefqa.store.opening import open_ledger, open_reader, open_writer
from briefqa.store.postings import Posting
from briefqa.store.reader import IndexReader
from briefqa.store.schema import Filters, IndexInfo, StoredArticle
from briefqa.store.writer import IndexWriter

__all__ = [
    "CandidateSpans",
    "Facts",
    "Filters",
    "IndexInfo",
    "IndexReader",
    "IndexWriter",
    "Ledger",
    "Match",
    "Posting",
    "Reader",
    "Snapshot",
    "StoredArticle",
    "Writer",
    "open_ledger",
    "open_reader",
    "open_writer",
]
