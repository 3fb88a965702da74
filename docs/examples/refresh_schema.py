"""Write docs/record.schema.json from ``gradcheck/records/schema.py``.

Run ``python docs/examples/refresh_schema.py``.
"""

import json
import types
from pathlib import Path
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, is_typeddict

from gradcheck.records import schema

PAGE = Path(__file__).resolve().parents[1] / "record.schema.json"

WORDS = {str: "string", bool: "boolean", int: "integer", float: "number", types.NoneType: "null"}

ALIASES = {schema.Number: "Number", schema.Tensor: "Tensor"}


def json_schema(*, closed: bool = False) -> dict[str, Any]:
    """Return the JSON Schema of a record.

    Parameters
    ----------
    closed : bool
        Refuse keys that are not listed. What is published does not: a schema only grows.
    """
    defs: dict[str, Any] = {}

    def of(kind: Any) -> dict[str, Any]:
        origin, parts = get_origin(kind), get_args(kind)
        name = ALIASES.get(kind, kind)
        if isinstance(name, str):  # an alias, or what holds itself
            return {"$ref": f"#/$defs/{name}"}
        if kind is Any:
            return {}
        if kind in WORDS:
            return {"type": WORDS[kind]}
        if origin is NotRequired:
            return of(parts[0])
        if origin is Literal:
            return {"enum": list(parts)}
        if origin is list:
            return {"type": "array", "items": of(parts[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": of(parts[1])}
        if origin in (Union, types.UnionType):
            return any_of(parts)
        if not is_typeddict(kind):
            raise TypeError(f"a record holds no {kind}")
        name = kind.__name__
        if name not in defs:
            defs[name] = {}  # it may hold itself
            defs[name] = {
                "description": " ".join((kind.__doc__ or "").split()),
                "type": "object",
                "properties": {key: of(value) for key, value in kind.__annotations__.items()},
                "required": sorted(kind.__required_keys__),
                **({"additionalProperties": False} if closed else {}),
            }
        return {"$ref": f"#/$defs/{name}"}

    def any_of(kinds: tuple[Any, ...]) -> dict[str, Any]:
        return {"anyOf": [of(kind) for kind in kinds]}

    whole = of(schema.RecordData)
    defs |= {name: any_of(get_args(kind)) for kind, name in ALIASES.items()}
    draft = "https://json-schema.org/draft-07/schema#"
    return {"$schema": draft, "title": "A record of gradcheck", **whole, "$defs": defs}


if __name__ == "__main__":
    PAGE.write_text(json.dumps(json_schema(), indent=1) + "\n", encoding="utf-8")
