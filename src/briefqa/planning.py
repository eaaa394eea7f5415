"""What a build would do, without doing it, and whether there is anything to do: corpus, index → Plan, Lag.

    plan("corpus", "index").articles_changed        # reads what is new, and asks the encoder where to split it
    find_lag("corpus", "index").behind              # compares files by their content; needs no encoder

Neither writes anything, and for both an index that is not there is an empty one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from briefqa.articles import Problem, list_articles
from briefqa.changes import changes_since, compare, say_nothing
from briefqa.chunks import CHUNKING
from briefqa.encoders import Encoder, load_encoder
from briefqa.errors import EncoderMismatchError
from briefqa.indexing import Passages, Reading
from briefqa.lexicon import TERMS
from briefqa.settings import DEFAULT_ENCODER, Settings
from briefqa.store import Ledger, open_ledger

_NO_INDEX = "there is no index yet"
_OTHER_RULES = "the index was built by another version of briefqa, which split or counted otherwise"
_STARTED_OVER = "the index is started over"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build would do.

    articles_added, articles_changed, articles_removed: slugs, in order. problems: as the build would report them.
    reason: why all articles are read again, in words; empty where only those are that changed.
    """

    articles_added: tuple[str, ...]
    articles_changed: tuple[str, ...]
    articles_removed: tuple[str, ...]
    articles_unchanged: int
    chunks_to_embed: int
    chunks_reused: int
    problems: tuple[Problem, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Lag:
    """By what an index is behind its corpus.

    added: paths below the corpus. changed, removed: slugs. reason: why all of it must be built again; mostly empty.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    reason: str = ""

    @property
    def behind(self) -> bool:
        """Whether a build would change anything."""
        return bool(self.added or self.changed or self.removed or self.reason)


def plan(
    corpus: str | Path | None = None,
    index: str | Path | None = None,
    encoder: str | Encoder | None = None,
    *,
    full: bool = False,
    store: str | None = None,
) -> Plan:
    """Say what `build` would do if it were given the same, and write nothing.

    Articles that changed are read and split, so that what would be embedded is counted and not guessed. Raises what
    `build` does, except IndexLockedError.
    """
    own = encoder if encoder is not None and not isinstance(encoder, str) else None
    settings = Settings.from_environment(corpus=corpus, index=index, encoder=own.name if own else encoder, store=store)
    paths, problems = list_articles(settings.corpus)
    with open_ledger(settings.index, settings.store) as ledger:
        name = settings.encoder or ledger.meta.get("encoder") or DEFAULT_ENCODER
        if not full and ledger.meta.get("encoder", name) != name:
            raise EncoderMismatchError.between(settings.place, ledger.meta["encoder"], name)
        reason = _STARTED_OVER if full and ledger.exists else _reason(ledger)
        known = {} if reason else ledger.articles
        changes = compare(settings.corpus, paths, known, say_nothing)
        reading = Reading(settings.corpus)
        readable: set[str] = set()
        to_embed = reused = 0
        if changes.to_read:
            model = own or load_encoder(name, settings.cache_dir, settings.device)
            fingerprint = ledger.meta.get("fingerprint")
            if fingerprint and not full and fingerprint != model.fingerprint:
                raise EncoderMismatchError.between(settings.place, fingerprint, model.fingerprint)
            embedded: set[bytes] = set()
            for batch in reading.batches(changes.to_read, model):
                passages = Passages(batch)
                missing = (set(passages.texts) if full else ledger.missing(passages.texts)) - embedded
                embedded |= missing
                count = passages.count_chunks(missing)
                to_embed, reused = to_embed + count, reused + sum(len(chunks) for _, chunks in batch) - count
                readable |= {article.slug for article, _ in batch}
        before = set() if full else set(ledger.articles)
        kept = {known[slug][1] for slug in changes.unchanged}
        problems += [*reading.problems, *(Problem(*told) for told in ledger.problems if told[0] in kept)]
        return Plan(
            articles_added=tuple(sorted(readable - before)),
            articles_changed=tuple(sorted(readable & before)),
            articles_removed=tuple(sorted(before - readable - set(changes.unchanged))),
            articles_unchanged=len(changes.unchanged),
            chunks_to_embed=to_embed,
            chunks_reused=reused + ledger.count_chunks(changes.unchanged),
            problems=tuple(sorted(problems, key=lambda problem: (problem.path, problem.line))),
            reason=reason,
        )


def find_lag(
    corpus: str | Path | None = None,
    index: str | Path | None = None,
    encoder: str | None = None,
    store: str | None = None,
) -> Lag:
    """Say by what the index is behind the corpus; no encoder is needed. encoder: the name of the one to build with.

    A file that cannot be read, as the last build said too, is nothing that a build would change. Raises CorpusError,
    IndexCorruptError.
    """
    settings = Settings.from_environment(corpus=corpus, index=index, encoder=encoder, store=store)
    with open_ledger(settings.index, settings.store) as ledger:
        reason = _reason(ledger)
        built_with = ledger.meta.get("encoder", "")
        if ledger.exists and settings.encoder and settings.encoder != built_with:
            reason = f"the index was built with the encoder {built_with}, not {settings.encoder}"
        changes = changes_since(ledger.articles, ledger.problems, settings.corpus)
    return Lag(changes.added, changes.changed, changes.removed, reason)


def _reason(ledger: Ledger) -> str:
    """Say why a build would read all articles again; empty where it would not."""
    if not ledger.exists:
        return _NO_INDEX
    same = (ledger.meta.get("chunking"), ledger.meta.get("terms")) == (CHUNKING, TERMS)
    return "" if same else _OTHER_RULES
