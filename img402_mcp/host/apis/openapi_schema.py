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


def answers(schema: str, said: Mapping[int, str]) -> Json:
    """Status -> what it says."""
    return {str(status): answer(what, schema) for status, what in said.items()}


def by_status(codes: Iterable[str], status_of: Mapping[str, int]) -> dict[int, str]:
    """`{404: "PROJECT_NOT_FOUND, SUBMISSION_NOT_FOUND"}`."""
    together: dict[int, list[str]] = {}
    for code in codes:
        together.setdefault(status_of[code], []).append(code)
    return {status: ", ".join(said) for status, said in together.items()}


def parameter(name: str, where: str, schema: Json, description: str = "") -> Json:
    return {"name": name, "in": where, "required": True, "description": description, "schema": schema}


SIGNED = {
    "expires": parameter("expires", "query", {"type": "integer"}, "as given"),
    "signature": parameter("signature", "query", {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "as given"),
}
"""The parameters of every signed URL."""


def operation(operation_id: str, summary: str, responses: Json, **more: Any) -> Json:  # noqa: ANN401  # JSON
    """With `parameters`, `requestBody`, `security` and other fields of the specification."""
    return {"operationId": operation_id, "summary": summary, **more, "responses": responses}
