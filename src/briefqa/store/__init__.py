"""The index on disk; nothing outside this package knows what lies in the folder.

    schema    the SQLite database, which is the truth: tables, format version, connections
    writer    one build, one transaction
    postings  where each term stands
    vectors   FAISS beside the database: the vectors of one generation, a cache
    following one build from the one before it, in memory
    ledger    what there is, without the vectors: for those who want to know what a build would do
    reader    questions: one consistent snapshot each

What a crash can leave, and what the next start does:

| left behind                                   | then                                                          |
|-----------------------------------------------|---------------------------------------------------------------|
| a build killed before its commit              | SQLite rolls back: the old generation, vectors of it in cache  |
| a build killed after its commit               | the new generation; the cache is older and is made again       |
| a half-written cache folder (a `.tmp` name)   | never read; removed by the next build                          |
| a cache cut short, or with a flipped byte     | its checksum differs: made again from the database             |
| no cache at all                               | made again from the database                                   |
"""

from briefqa.store.postings import Posting
from briefqa.store.reader import IndexReader
from briefqa.store.schema import Filters, IndexInfo, StoredArticle
from briefqa.store.snapshots import Snapshot
from briefqa.store.writer import IndexWriter

__all__ = ["Filters", "IndexInfo", "IndexReader", "IndexWriter", "Posting", "Snapshot", "StoredArticle"]
