"""A tool's answer as text and as structure: some hosts show the model only the text, others only the structure."""

from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar

from img402_mcp.client.result_text import upload_fields, upload_text

if TYPE_CHECKING:
    from img402_mcp.client.upload import Upload, UploadOptions


R = TypeVar("R")


class Answer(NamedTuple, Generic[R]):
    """`result` is a named tuple with a `note`, whose fields are the output schema.

    Named tuples, since each dataclass would add half a millisecond to the start.
    """

    text: str
    result: R
    is_error: bool = False


class UploadResult(NamedTuple):
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


def upload_options(fit: Fit, width: int = 0, *, fresh: bool = False, keep: bool | None = None) -> "UploadOptions":
    from img402_mcp.client.upload import UploadOptions  # noqa: PLC0415  # the uploader imports it

    return UploadOptions(fit == "auto", fresh, width, keep)


def upload_answer(upload: "Upload") -> Answer[UploadResult]:
    return Answer(upload_text(upload), UploadResult(**upload_fields(upload)))


def structure_of(value: Any) -> Any:  # noqa: ANN401  # a named tuple, or what its fields hold
    """As JSON: fields with their default value are left out, and every text can be written as UTF-8."""
    if hasattr(value, "_asdict"):
        defaults, shown = value._field_defaults, value._asdict()
        return {name: structure_of(one) for name, one in shown.items() if name not in defaults or one != defaults[name]}
    if isinstance(value, list | tuple):
        return [structure_of(one) for one in value]
    return sayable(value) if isinstance(value, str) else value


def sayable(text: str) -> str:
    """File names need not be UTF-8, but JSON must be."""
    return text.encode("utf-8", "backslashreplace").decode()
