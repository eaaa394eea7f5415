"""The errors that briefqa raises, one tree, each message saying what to do next.

    BriefqaError
    ├── CorpusError             the folder of articles is missing or cannot be read
    │   └── ArticleError        one file cannot be read; knows the line
    ├── IndexNotFoundError      nothing is built there yet
    ├── IndexCorruptError       what is there cannot be read
    ├── IndexLockedError        another build is writing there
    ├── IndexWriteError         there is no room for it, or no permission
    ├── StoreError              the store that the index is in cannot be reached, or refuses
    ├── EncoderMismatchError    the index was built with another encoder
    ├── EncoderNotFoundError    no such model, or no way to load it
    ├── DeviceError             torch has no such device here
    ├── WorkersError            a build cannot have the workers that it was to have
    ├── GoldenSetError          a file of golden questions cannot be read
    ├── SavedAnswerError        a saved answer cannot be read
    ├── ExportError             an export cannot be written
    ├── ConversationsError      what was kept of conversations cannot be read or written
    ├── PasswordFileError       the file of who may log in cannot be read or written
    ├── LLMError                the language model's endpoint failed
    ├── QuestionError           the question or a filter of it makes no sense
    └── SettingsError           a setting in the environment makes no sense

`exit_status` is what the command line returns: 1 for a failure, 2 for wrong usage.
"""

from __future__ import annotations


class BriefqaError(Exception):
    """Anything that briefqa reports; catch this one to catch them all."""

    exit_status = 1


class CorpusError(BriefqaError):
    """The corpus folder is missing or cannot be read."""


class ArticleError(CorpusError):
    """One article cannot be read.

    line: 1-based line in the file, or 0 when the file as a whole is meant.
    """

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class IndexNotFoundError(BriefqaError):
    """No index was built in this folder."""


class IndexCorruptError(BriefqaError):
    """The index on disk cannot be read, or is of a newer format."""


class IndexLockedError(BriefqaError):
    """Another process is building this index."""


class IndexWriteError(BriefqaError):
    """The index cannot be written: the disk or a quota is full, or the folder is read-only."""


class StoreError(BriefqaError):
    """The store that the index is in cannot be reached, refuses, or failed in the middle."""


class EncoderMismatchError(BriefqaError):
    """The index was built with another encoder than the one asked for."""

    @classmethod
    def between(cls, index: object, built_with: str, asked_for: str) -> EncoderMismatchError:
        """Return the error that names both."""
        return cls(
            f"the index in {index} was built with the encoder {built_with}, not {asked_for}: "
            "leave the encoder out, or build again with `briefqa build --full --encoder NAME`"
        )


class EncoderNotFoundError(BriefqaError):
    """The encoder's name or folder leads to no model that can be loaded."""


class DeviceError(BriefqaError):
    """Torch has no such device on this machine."""


class WorkersError(BriefqaError):
    """The workers of a build cannot be had, or cannot be given the encoder."""


class GoldenSetError(BriefqaError):
    """The golden set is missing, or one of its lines is no golden question."""


class SavedAnswerError(BriefqaError):
    """A saved answer is missing, or its JSON is not that of an answer."""


class ExportError(BriefqaError):
    """An export cannot be written where it should be, or would replace a file."""


class ConversationsError(BriefqaError):
    """The file of conversations is damaged, is of a newer briefqa, or cannot be written."""


class PasswordFileError(BriefqaError):
    """The file of those who may log in cannot be read or written, or a name or password cannot be in it."""


class LLMError(BriefqaError):
    """The language model's endpoint refused, failed or answered nonsense.

    chinese: the message in Chinese, for answers in a Chinese frame. too_long: the prompt was longer than what the model
    takes; a shorter one may do.
    """

    def __init__(self, message: str, chinese: str = "", too_long: bool = False) -> None:
        super().__init__(message)
        self.chinese = chinese or message
        self.too_long = too_long


class QuestionError(BriefqaError):
    """The question is empty or too long, or a filter cannot be understood."""

    exit_status = 2


class SettingsError(BriefqaError):
    """A setting in the environment is not of its kind."""

    exit_status = 2
