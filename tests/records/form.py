"""Whether a record has the form that ``gradcheck/records/schema.py`` writes down."""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

REFRESH = Path(__file__).parents[2] / "docs" / "examples" / "refresh_schema.py"


@cache
def generator() -> Any:
    """Return the module that writes the JSON Schema."""
    spec = importlib.util.spec_from_file_location("refresh_schema", REFRESH)
    assert spec is not None, f"{REFRESH} is gone"
    assert spec.loader is not None, f"{REFRESH} cannot be loaded"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _validator() -> Any:
    return fastjsonschema.compile(generator().json_schema(closed=True))


def fault(data: Any) -> str:
    """Say what is wrong with the form of a record's data; empty where nothing is."""
    try:
        _validator()(data)
    except fastjsonschema.JsonSchemaValueException as error:
        return str(error)
    return ""
