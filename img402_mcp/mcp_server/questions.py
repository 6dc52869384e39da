"""A yes-or-no question to the person at the client.

In the protocol's newer revisions it ends the call, and the client makes the call again with the answer; in older
revisions the call waits for the answer.
"""

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context


class YesOrNo(NamedTuple):
    """`name` is the field of the form; `about` comes back with the answer, sealed by the SDK."""

    name: str
    text: str
    label: str
    about: Any


def can_ask(context: "Context[Any, Any]") -> bool:
    capabilities = context.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def answered(context: "Context[Any, Any]", name: str) -> tuple[Any, bool] | None:
    """What the question was about, and whether the answer was yes, if this call brings an answer to it."""
    said, about = (context.input_responses or {}).get(name), context.request_state
    return (json.loads(about), _is_yes(said, name)) if isinstance(said, ElicitResult) and about is not None else None


async def ask(context: "Context[Any, Any]", question: YesOrNo) -> InputRequiredResult | bool:
    """The question for the client to answer, or the answer itself."""
    name = question.name
    form = {
        "type": "object",
        "properties": {name: {"type": "boolean", "description": question.label}},
        "required": [name],
    }
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
        request = ElicitRequest(params=ElicitRequestFormParams(message=question.text, requested_schema=form))
        return InputRequiredResult(input_requests={name: request}, request_state=json.dumps(question.about))
    said = await context.session.elicit_form(question.text, form, related_request_id=context.request_id)
    return _is_yes(said, name)


def _is_yes(said: ElicitResult, name: str) -> bool:
    return said.action == "accept" and (said.content or {}).get(name) is True
