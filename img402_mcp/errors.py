"""The error tree. `str(error)` is a sentence for the model: what came, what was wanted, the way out.

Img402Error
├── SettingsError     a setting or flag is unusable; nothing was started
├── ReadRefused       we would not open or send this file; nothing left the machine
│   └── OutsideRoots  it is not inside an allowed folder, and the user can allow its folder
├── UploadRejected    the API would not take it, and said why
│   └── TokenRefused  the upload token is wrong, used or has run out
├── PaymentRefused    we would not pay: the budget, the offer or the user says no; nothing was signed
├── PaymentPending    what was signed has no answer yet; the same call goes on with the same proof, never a new one
└── UploadFailed      the API gave no usable answer
    ├── NotReached    no connection came about; nothing was sent
    ├── AnswerLost    the request was on its way when it timed out or broke off: it may have been carried out
    └── BadAnswer     the answer makes no sense for this API
"""

from pathlib import Path
from typing import Self


class Img402Error(Exception):
    """Any failure, in words for the caller."""

    def adding(self, text: str) -> Self:
        """The same error, with its code, and with more text."""
        more = type(self).__new__(type(self))
        more.__dict__ |= self.__dict__
        more.args = (f"{self} {text}",)
        return more


class SettingsError(Img402Error):
    pass


class ReadRefused(Img402Error):
    pass


class OutsideRoots(ReadRefused):
    """`folder` is the folder in the path's text, whether it exists or not."""

    def __init__(self, message: str, folder: Path) -> None:
        super().__init__(message)
        self.folder = folder


class UploadRejected(Img402Error):
    """`code` is the API's own word for it, such as `file_too_large`; empty if it gave none.

    `api_message` is the API's own sentence, as it came: data, to be shown only `quoted`.
    """

    def __init__(self, message: str, *, code: str, api_message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.api_message = api_message


class TokenRefused(UploadRejected):
    pass


class PaymentRefused(Img402Error):
    pass


class PaymentPending(Img402Error):
    pass


class UploadFailed(Img402Error):
    pass


class NotReached(UploadFailed):
    pass


class AnswerLost(UploadFailed):
    pass


class BadAnswer(UploadFailed):
    pass


def quoted(text: str, length: int = 200) -> str:
    """Text from outside as data: one line, escaped, cut and in quotes, so that it cannot look like our own text."""
    cut = text if len(text) <= length else text[: length - 1] + "…"
    shown = printable(cut).replace('"', '\\"')
    return f'"{shown}"'


def printable(text: str) -> str:
    """What a terminal would obey, or turn the line around for, is written out."""
    return "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in text)
