"""What the messages of every API have in common: strict, frozen models, and moments in UTC."""

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel


class Message(BaseModel):
    """camelCase as it travels. Unknown fields are ignored, since the hosted APIs add some from time to time."""

    # defer_build: the models are made ready at their first use, not at every start.
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, strict=True, defer_build=True
    )


def in_utc(timespec: str) -> PlainSerializer:
    """2026-02-15T00:00:00Z, as precise as the API's documents show it."""

    def written(moment: datetime) -> str:
        return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")

    return PlainSerializer(written, return_type=str)
