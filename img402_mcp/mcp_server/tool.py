"""A tool as the SDK serves it: from the arguments as they came to the answer in text and structure."""

from collections.abc import Awaitable, Callable
from inspect import signature
from typing import Any, NamedTuple, get_args

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations

from img402_mcp.client.deadline import deadline
from img402_mcp.errors import Img402Error, OutsideRoots, UploadFailed
from img402_mcp.mcp_server.approval import Question, approval_of, elicited
from img402_mcp.mcp_server.arguments import Arguments, read_arguments
from img402_mcp.mcp_server.folder_permission import ask_for_folder, take_answer
from img402_mcp.mcp_server.results import Answer, sayable, structure_of
from img402_mcp.mcp_server.schema import input_schema, output_schema, parameters_of
from img402_mcp.mcp_server.session import Session, ToolContext

# Hints equal to their defaults are left out: a tool may destroy, is not idempotent, and reaches the open world.
ADDS = ToolAnnotations(destructive_hint=False)
ADDS_ONCE = ToolAnnotations(destructive_hint=False, idempotent_hint=True)
OVERWRITES = ToolAnnotations(destructive_hint=True)
PAYS = ToolAnnotations(destructive_hint=True)
PAYS_ONCE = ToolAnnotations(destructive_hint=True, idempotent_hint=True)
READS = ToolAnnotations(read_only_hint=True)
READS_HERE = ToolAnnotations(read_only_hint=True, open_world_hint=False)


class ToolEntry(NamedTuple):
    """A row of the table of tools. `carry_out` takes the context first, then what the model may name."""

    carry_out: Callable[..., Awaitable[Answer[Any]]]
    title: str
    description: str
    hints: ToolAnnotations
    spends: bool = False
    """It pays, if a wallet is set."""


class ServedTool(Tool):
    """Reads the arguments itself: models send what the SDK's models refuse, and their errors name a website."""

    spends: bool = False

    @classmethod
    def of(cls, entry: ToolEntry) -> "ServedTool":
        (result,) = get_args(signature(entry.carry_out, eval_str=True).return_annotation)
        return cls(
            fn=entry.carry_out,
            name=entry.carry_out.__name__,
            title=entry.title,
            description=entry.description,
            parameters=input_schema(parameters_of(entry.carry_out)),
            fn_metadata=FuncMetadata(arg_model=ArgModelBase, output_schema=output_schema(result)),
            is_async=True,
            context_kwarg=None,
            annotations=entry.hints,
            spends=entry.spends,
        )

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,  # noqa: ARG002, FBT001, FBT002  # the SDK's signature
    ) -> CallToolResult | InputRequiredResult:
        """Only a ToolError's text reaches the model."""
        session: Session = context.request_context.lifespan_context
        try:
            spends = self.spends and session.has_wallet
            read = read_arguments(self.name, parameters_of(self.fn), arguments, spends=spends)
            return await self._answered(read, session, context)
        except Img402Error as error:
            raise ToolError(f"Error executing tool {self.name}: {sayable(str(error))}") from error
        except MCPError:
            raise
        except Exception as error:
            raise UnexpectedToolError(f"Error executing tool {self.name}") from error

    async def _answered(
        self, read: Arguments, session: Session, context: Context[Any, Any]
    ) -> CallToolResult | InputRequiredResult:
        """With the person's answers: the call is carried out again after each."""
        take_answer(session, context)
        approval = approval_of(context)
        ctx = ToolContext(session, context, approval, session.taken(approval.call))
        while True:
            try:
                return await self._carried_out(read, ctx)
            except Question as question:
                call = session.keep(ctx.images)
                answer = await elicited(context, question, call)
                if isinstance(answer, InputRequiredResult):
                    return answer
                session.taken(call)
                ctx = ctx._replace(approval=approval._replace(answer=answer))
            except OutsideRoots as refused:
                answered = await ask_for_folder(refused, session, context)
                if isinstance(answered, InputRequiredResult):
                    return answered
                if not answered:
                    raise

    async def _carried_out(self, read: Arguments, ctx: ToolContext) -> CallToolResult:
        answer = await _in_time(self.fn(ctx, **read.values), ctx.session)
        text = "\n".join(filter(None, (answer.text, read.note)))
        note = " ".join(filter(None, (answer.result.note, read.note)))
        return CallToolResult(
            content=[TextContent(type="text", text=sayable(text))],
            structured_content=structure_of(answer.result._replace(note=note)),
            is_error=answer.is_error,
        )


# A call is cancelled so long after the deadline: all waits inside should have ended by then.
_GRACE = 4.0


async def _in_time(call: Awaitable[Answer[Any]], session: Session) -> Answer[Any]:
    """The time that a person takes to answer is not counted: each run of the tool has its own deadline."""
    with deadline(session.call_seconds) as limits:
        try:
            with limits.limit(grace=_GRACE):
                return await call
        except TimeoutError as error:
            raise UploadFailed(
                f"The call was stopped because it had not finished after {session.call_seconds:g} seconds. Make the "
                "same call again: nothing is paid for twice."
            ) from error
