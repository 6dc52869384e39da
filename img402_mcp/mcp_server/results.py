"""The answer of a tool, in text and in structure: some hosts show the model the text alone, others the structure."""

from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from img402_mcp.client.result_text import upload_fields, upload_text

if TYPE_CHECKING:
    from img402_mcp.client.upload import Upload, UploadOptions


R = TypeVar("R")


@dataclass(frozen=True)
class Answer(Generic[R]):
    """`result` is a dataclass with a `note`, whose fields are the output schema."""

    text: str
    result: R
    is_error: bool = False


@dataclass(frozen=True)
class UploadResult:
    url: str
    id: str
    content_type: str
    size_bytes: int
    expires_at: str | None
    width: int
    height: int
    markdown: str
    reused: bool = False
    done: str = ""
    verified: bool | None = None
    note: str = ""
    delete_url: str = ""


Fit = Literal["auto", "never"]


def upload_options(fit: Fit, width: int = 0, *, fresh: bool = False) -> "UploadOptions":
    from img402_mcp.client.upload import UploadOptions  # noqa: PLC0415  # the uploader imports it

    return UploadOptions(fit == "auto", fresh, width)


def upload_answer(upload: "Upload") -> Answer[UploadResult]:
    return Answer(upload_text(upload), UploadResult(**upload_fields(upload)))


def structure_of(value: Any) -> Any:  # noqa: ANN401  # a dataclass, or what its fields hold
    """As JSON: what says no more than its default is left out, and every text can be written as UTF-8."""
    if is_dataclass(value):
        shown = {each.name: getattr(value, each.name) for each in fields(value)}
        kept = {each.name for each in fields(value) if shown[each.name] != _default(each)}
        return {name: structure_of(one) for name, one in shown.items() if name in kept}
    if isinstance(value, list | tuple):
        return [structure_of(one) for one in value]
    return sayable(value) if isinstance(value, str) else value


def sayable(text: str) -> str:
    """A name on the disk need not be UTF-8, and JSON must."""
    return text.encode("utf-8", "backslashreplace").decode()


def _default(each: "Field[Any]") -> Any:  # noqa: ANN401  # of any type
    return each.default if each.default_factory is MISSING else each.default_factory()
