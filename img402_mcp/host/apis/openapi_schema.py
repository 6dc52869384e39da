"""Parts of the OpenAPI description that the APIs share."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

Json = dict[str, Any]

SCHEMAS = "#/components/schemas/"


def schemas(prefix: str, *models: type[BaseModel]) -> Json:
    """The schemas of the models and of their parts, each under its name with the prefix."""
    found: Json = {}
    for model in models:
        schema = model.model_json_schema(
            by_alias=True, mode="serialization", ref_template=f"{SCHEMAS}{prefix}{{model}}"
        )
        found |= {prefix + name: part for name, part in schema.pop("$defs", {}).items()}
        found[prefix + model.__name__] = schema
    return found


def answer(description: str, schema: str, headers: Mapping[str, str] | None = None) -> Json:
    response: Json = {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": SCHEMAS + schema}}},
    }
    if headers:
        response["headers"] = {
            name: {"description": what, "schema": {"type": "string"}} for name, what in headers.items()
        }
    return response


def by_status(codes: Iterable[tuple[int, str]]) -> dict[str, str]:
    """`{"404": "PROJECT_NOT_FOUND, SUBMISSION_NOT_FOUND"}`."""
    together: dict[str, list[str]] = {}
    for status, code in codes:
        together.setdefault(str(status), []).append(code)
    return {status: ", ".join(said) for status, said in together.items()}


def parameter(name: str, where: str, schema: Json, description: str = "") -> Json:
    return {"name": name, "in": where, "required": True, "description": description, "schema": schema}
