"""The JSON schemas of what tools take and answer, read from their Python types.

Every session pays for them in context, so they hold no titles, no defaults and no descriptions; but each property has
a `type`, without which several clients hand a schema on that model providers refuse.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, signature
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

Schema = dict[str, Any]

_NAMES = {str: "string", int: "integer", bool: "boolean"}


def parameters_of(tool: Callable[..., Any]) -> Mapping[str, Parameter]:
    """The parameters that the model may name: all but the first, which is the context."""
    (_, *named) = signature(tool, eval_str=True).parameters.items()
    return {name: each.replace(annotation=_shown(each.annotation, each.default)) for name, each in named}


def input_schema(parameters: Mapping[str, Parameter]) -> Schema:
    required = [name for name, each in parameters.items() if each.default is Parameter.empty]
    properties = {name: _schema(each.annotation) for name, each in parameters.items()}
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def output_schema(answer: type) -> Schema:
    """Of a named tuple. The items of lists in more than one field are defined once."""
    held = Counter(item for kind in get_type_hints(answer).values() for item in get_args(kind) if _is_named_tuple(item))
    shared = [kind for kind, count in held.items() if count > 1]
    definitions = {kind.__name__: _object(kind) for kind in shared}
    return _object(answer, shared) | ({"$defs": definitions} if definitions else {})


def _is_named_tuple(kind: object) -> bool:
    return hasattr(kind, "_field_defaults")


def _object(kind: Any, shared: Iterable[Any] = ()) -> Schema:  # noqa: ANN401  # a class
    defaults = kind._field_defaults
    hints = {name: _shown(each, defaults.get(name, ...)) for name, each in get_type_hints(kind).items()}
    properties = {name: _schema(each, shared) for name, each in hints.items()}
    required = [name for name in properties if name not in defaults]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _shown(kind: Any, default: object) -> Any:  # noqa: ANN401  # a type as it is annotated
    """A field with its default value is left out of the answer, so a field whose default is None is never null."""
    return next(iter(set(get_args(kind)) - {NoneType})) if default is None else kind


def _schema(kind: Any, shared: Iterable[Any] = ()) -> Schema:  # noqa: ANN401  # a type as it is annotated
    if kind in shared:
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if _is_named_tuple(kind):
        return _object(kind, shared)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"type": "string", "enum": [*arguments]}
    if origin in {list, tuple}:
        return {"type": "array", "items": _schema(arguments[0], shared)}
    if origin is UnionType:
        (inner,) = (each for each in arguments if each is not NoneType)
        return {"anyOf": [{"type": _NAMES[inner]}, {"type": "null"}]}
    return {"type": _NAMES[kind]}
