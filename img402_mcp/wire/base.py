"""What the messages of every API have in common: strict, frozen models, and moments in UTC."""

from functools import partial

from pydantic import BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

from img402_mcp.wire.moments import in_utc


class Message(BaseModel):
    """camelCase as it travels. Unknown fields are ignored, since the hosted APIs add some from time to time."""

    # defer_build: the models are made ready at their first use, not at every start.
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, strict=True, defer_build=True
    )


def sent_in_utc(timespec: str) -> PlainSerializer:
    """As precise as the API's documents show it."""
    return PlainSerializer(partial(in_utc, timespec=timespec), return_type=str)
