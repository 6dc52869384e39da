"""The real server over Streamable HTTP, with the tools, resources and prompts that the conformance suite calls by name.

It prints its URL on stderr. What is fixed here (names, texts, schemas) the suite prescribes.
"""

import base64
import json
import os
import struct
import sys
import zlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CallToolResult,
    ClientCapabilities,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    ContentBlock,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    EmbeddedResource,
    EmptyResult,
    ImageContent,
    InputRequiredResult,
    ListRootsRequest,
    MissingRequiredClientCapabilityErrorData,
    RequestParams,
    Result,
    SamplingCapability,
    SamplingMessage,
    SetLevelRequestParams,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    UnsubscribeRequestParams,
)
from pydantic import Field

from img402_mcp.client.settings.read import client_settings
from img402_mcp.mcp_server.asgi import address_of, listen, run_app
from img402_mcp.mcp_server.http import http_app
from img402_mcp.mcp_server.server import create_server
from img402_mcp.mcp_server.settings import ServeFlags, serve_settings

Question = CreateMessageRequest | ListRootsRequest | ElicitRequest


def text(words: str) -> TextContent:
    return TextContent(type="text", text=words)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


RED_DOT = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    + chunk(b"IEND", b"")
)
SILENCE = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", 0)


def red_dot() -> ImageContent:
    return ImageContent(type="image", data=base64.b64encode(RED_DOT).decode(), mime_type="image/png")


def embedded(uri: str, media_type: str, words: str) -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=media_type, text=words))


# Tools that answer with content of each kind


def test_simple_text() -> str:
    """Answer with one text."""
    return "This is a simple text response for testing."


def test_image_content() -> list[ContentBlock]:
    """Answer with one image."""
    return [red_dot()]


def test_audio_content() -> list[ContentBlock]:
    """Answer with one sound."""
    return [AudioContent(type="audio", data=base64.b64encode(SILENCE).decode(), mime_type="audio/wav")]


def test_embedded_resource() -> list[ContentBlock]:
    """Answer with one resource."""
    return [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]


def test_multiple_content_types() -> list[ContentBlock]:
    """Answer with a text, an image and a resource."""
    note = json.dumps({"test": "data", "value": 123})
    resource = embedded("test://mixed-content-resource", "application/json", note)
    return [text("Multiple content types test:"), red_dot(), resource]


def test_error_handling() -> str:
    """Always fail."""
    raise ToolError("This tool intentionally returns an error for testing")


def test_custom_header(value: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Value"})]) -> str:
    """Take an argument that travels in a header too."""
    return value


def json_schema_2020_12_tool() -> str:
    """Stand for its schema, SCHEMA_2020_12."""
    return "Done."


SCHEMA_2020_12 = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


# Tools that speak while they work


async def test_tool_with_progress(ctx: Context[Any, Any]) -> str:
    """Report progress at 0, 50 and 100 of 100."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100)
        await anyio.sleep(0.05)
    return "Done."


async def test_tool_with_logging(ctx: Context[Any, Any]) -> str:
    """Send three log messages."""
    for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.session.send_log_message("info", words, related_request_id=ctx.request_id)
        await anyio.sleep(0.05)
    return "Done."


async def test_trigger_tool_change(ctx: Context[Any, Any]) -> str:
    """Say that the list of tools changed."""
    await ctx.notify_tools_changed()
    return "Said."


async def test_trigger_prompt_change(ctx: Context[Any, Any]) -> str:
    """Say that the list of prompts changed."""
    await ctx.notify_prompts_changed()
    return "Said."


# Tools that ask the client during a call, as revisions up to 2025-11-25 do


async def test_sampling(prompt: str, ctx: Context[Any, Any]) -> str:
    """Ask the client's model."""
    asked = [SamplingMessage(role="user", content=text(prompt))]
    answer = await ctx.session.create_message(asked, max_tokens=100, related_request_id=ctx.request_id)
    return f"LLM response: {spoken(answer)}"


async def elicited(ctx: Context[Any, Any], message: str, properties: dict[str, Any]) -> str:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    answer = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
    return f"action={answer.action}, content={json.dumps(answer.content)}"


async def test_elicitation(message: str, ctx: Context[Any, Any]) -> str:
    """Ask for a name and an address."""
    username = {"type": "string", "description": "User's response"}
    email = {"type": "string", "description": "User's email address"}
    return "User response: " + await elicited(ctx, message, {"username": username, "email": email})


async def test_elicitation_sep1034_defaults(ctx: Context[Any, Any]) -> str:
    """Ask with a default for each type."""
    return "Elicitation completed: " + await elicited(
        ctx,
        "Please check the values",
        {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "default": True},
        },
    )


def titled(*pairs: str) -> list[dict[str, str]]:
    return [{"const": f"value{number}", "title": title} for number, title in enumerate(pairs, 1)]


async def test_elicitation_sep1330_enums(ctx: Context[Any, Any]) -> str:
    """Ask with each kind of choice."""
    options = ["option1", "option2", "option3"]
    return "Elicitation completed: " + await elicited(
        ctx,
        "Please choose",
        {
            "untitledSingle": {"type": "string", "enum": options},
            "titledSingle": {"type": "string", "oneOf": titled("First Option", "Second Option", "Third Option")},
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
            "titledMulti": {
                "type": "array",
                "items": {"anyOf": titled("First Choice", "Second Choice", "Third Choice")},
            },
        },
    )


# Tools that answer with a question, as revision 2026-07-28 does


def form(message: str, **types: str) -> ElicitRequest:
    properties = {name: {"type": kind} for name, kind in types.items()}
    schema = {"type": "object", "properties": properties, "required": list(types)}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampling(prompt: str, max_tokens: int) -> CreateMessageRequest:
    asked = [SamplingMessage(role="user", content=text(prompt))]
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=asked, max_tokens=max_tokens))


def asking(state: str | None = None, /, **questions: Question) -> InputRequiredResult:
    return InputRequiredResult(input_requests=questions, request_state=state)


def answered(ctx: Context[Any, Any], *names: str) -> bool:
    return set(names) <= set(ctx.input_responses or {})


def entered(ctx: Context[Any, Any], question: str, field: str) -> str:
    answer = (ctx.input_responses or {})[question]
    return str((answer.content or {})[field]) if isinstance(answer, ElicitResult) else ""


def spoken(answer: object) -> str:
    content = answer.content if isinstance(answer, CreateMessageResult) else None
    return content.text if isinstance(content, TextContent) else ""


def complete(words: str) -> CallToolResult:
    return CallToolResult(content=[text(words)])


Answer = CallToolResult | InputRequiredResult


async def test_input_required_result_elicitation(ctx: Context[Any, Any]) -> Answer:
    """Ask for a name."""
    if not answered(ctx, "user_name"):
        return asking(user_name=form("What is your name?", name="string"))
    return complete(f"Hello, {entered(ctx, 'user_name', 'name')}!")


async def test_input_required_result_sampling(ctx: Context[Any, Any]) -> Answer:
    """Ask the client's model."""
    if not answered(ctx, "capital_question"):
        return asking(capital_question=sampling("What is the capital of France?", 100))
    return complete(spoken((ctx.input_responses or {})["capital_question"]))


async def test_input_required_result_list_roots(ctx: Context[Any, Any]) -> Answer:
    """Ask for the roots."""
    if not answered(ctx, "client_roots"):
        return asking(client_roots=ListRootsRequest())
    return complete((ctx.input_responses or {})["client_roots"].model_dump_json())


async def test_input_required_result_request_state(ctx: Context[Any, Any]) -> Answer:
    """Ask, and know by the state that it is the answer to this question."""
    if not answered(ctx, "confirm"):
        return asking("asked", confirm=form("Please confirm", ok="boolean"))
    if ctx.request_state != "asked":
        raise MCPError(INVALID_PARAMS, "The requestState is not the one that was sent")
    return complete("state-ok")


async def test_input_required_result_tampered_state(ctx: Context[Any, Any]) -> Answer:
    """The same; the suite changes the state."""
    return await test_input_required_result_request_state(ctx)


async def test_input_required_result_multiple_inputs(ctx: Context[Any, Any]) -> Answer:
    """Ask three questions at once."""
    if answered(ctx, "user_name", "greeting", "client_roots"):
        return complete("All answered.")
    return asking(
        "asked",
        user_name=form("What is your name?", name="string"),
        greeting=sampling("Generate a greeting", 50),
        client_roots=ListRootsRequest(),
    )


async def test_input_required_result_multi_round(ctx: Context[Any, Any]) -> Answer:
    """Ask twice."""
    if answered(ctx, "step2") and ctx.request_state == "2":
        return complete("Both steps done.")
    if answered(ctx, "step1") and ctx.request_state == "1":
        return asking("2", step2=form("Step 2: What is your favorite color?", color="string"))
    return asking("1", step1=form("Step 1: What is your name?", name="string"))


async def test_input_required_result_capabilities(ctx: Context[Any, Any]) -> Answer:
    """Ask only what the client can answer."""
    can = ctx.client_capabilities or ClientCapabilities()
    questions: dict[str, Question] = {}
    if can.sampling is not None:
        questions["greeting"] = sampling("Generate a greeting", 50)
    if can.elicitation is not None:
        questions["user_name"] = form("What is your name?", name="string")
    return asking(None, **questions) if questions else complete("Nothing to ask.")


async def test_streaming_elicitation(ctx: Context[Any, Any]) -> Answer:
    """Report progress, then ask."""
    await ctx.report_progress(0, 1)
    return await test_input_required_result_elicitation(ctx)


async def test_missing_capability(ctx: Context[Any, Any]) -> str:
    """Refuse a client that cannot sample."""
    if ctx.client_capabilities is None or ctx.client_capabilities.sampling is None:
        wanted = MissingRequiredClientCapabilityErrorData(
            required_capabilities=ClientCapabilities(sampling=SamplingCapability())
        )
        data = wanted.model_dump(by_alias=True, exclude_none=True)
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "This tool needs sampling", data)
    return "The client can sample."


TOOLS = (
    test_simple_text,
    test_image_content,
    test_audio_content,
    test_embedded_resource,
    test_multiple_content_types,
    test_error_handling,
    test_custom_header,
    json_schema_2020_12_tool,
    test_tool_with_progress,
    test_tool_with_logging,
    test_trigger_tool_change,
    test_trigger_prompt_change,
    test_sampling,
    test_elicitation,
    test_elicitation_sep1034_defaults,
    test_elicitation_sep1330_enums,
    test_input_required_result_elicitation,
    test_input_required_result_sampling,
    test_input_required_result_list_roots,
    test_input_required_result_request_state,
    test_input_required_result_tampered_state,
    test_input_required_result_multiple_inputs,
    test_input_required_result_multi_round,
    test_input_required_result_capabilities,
    test_streaming_elicitation,
    test_missing_capability,
)


# Prompts


def test_simple_prompt() -> str:
    """A prompt without arguments."""
    return "This is a simple prompt for testing."


def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """A prompt with two arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803 - the suite's name
    """A prompt that embeds a resource."""
    resource = embedded(resourceUri, "text/plain", "Embedded resource content for testing.")
    return [UserMessage(resource), UserMessage("Please process the embedded resource above.")]


def test_prompt_with_image() -> list[UserMessage]:
    """A prompt that holds an image."""
    return [UserMessage(red_dot()), UserMessage("Please analyze the image above.")]


async def test_input_required_result_prompt(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    """A prompt that asks first."""
    if not answered(ctx, "user_context"):
        return asking(user_context=form("What context should the prompt use?", context="string"))
    return f"Use this context: {entered(ctx, 'user_context', 'context')}"


PROMPTS = (
    test_simple_prompt,
    test_prompt_with_arguments,
    test_prompt_with_embedded_resource,
    test_prompt_with_image,
    test_input_required_result_prompt,
)


# Resources


def static_text() -> str:
    """A text."""
    return "This is the content of the static text resource."


def static_binary() -> bytes:
    """An image."""
    return RED_DOT


def template_data(id: str) -> str:  # noqa: A002 - the suite's name
    """What belongs to an id."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


async def accepted(ctx: object, params: object) -> EmptyResult:
    return EmptyResult()


async def nothing_suggested(ctx: object, params: object) -> CompleteResult:
    return CompleteResult(completion=Completion(values=[]))


METHODS: tuple[tuple[str, type[RequestParams], Callable[..., Awaitable[Result]]], ...] = (
    ("resources/subscribe", SubscribeRequestParams, accepted),
    ("resources/unsubscribe", UnsubscribeRequestParams, accepted),
    ("logging/setLevel", SetLevelRequestParams, accepted),
    ("completion/complete", CompleteRequestParams, nothing_suggested),
)


def add_fixtures(server: MCPServer[Any]) -> None:
    for function in TOOLS:
        server.add_tool(function, structured_output=False)
    for prompt in PROMPTS:
        server.prompt()(prompt)
    server.resource("test://static-text", mime_type="text/plain")(static_text)
    server.resource("test://static-binary", mime_type="image/png")(static_binary)
    server.resource("test://watched-resource", mime_type="text/plain")(static_text)
    server.resource("test://template/{id}/data", mime_type="application/json")(template_data)
    # MCPServer has no public way to do these after its construction.
    if tool := server._tool_manager.get_tool("json_schema_2020_12_tool"):  # noqa: SLF001
        tool.parameters = SCHEMA_2020_12
    for method, params, handler in METHODS:
        server._lowlevel_server.add_request_handler(method, params, handler)  # noqa: SLF001


def main() -> None:
    server = create_server(client_settings(os.environ))
    add_fixtures(server)
    listener = listen("127.0.0.1", 0)
    print(f"{address_of(listener)}/mcp", file=sys.stderr, flush=True)  # noqa: T201 - for the test
    run_app(http_app(server, serve_settings(os.environ, ServeFlags(transport="streamable-http"))), listener, http="h11")


if __name__ == "__main__":
    main()
