"""What many operations share stands in the OpenAPI document once: rows of lists, and errors."""

from __future__ import annotations

from typing import Any

NAME = "x-component"  # of a schema that is to stand by this name


def share(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """drf-spectacular's hook."""
    components = result["components"]
    components["responses"] = {}
    result["paths"] = _moved(result["paths"], components["schemas"])
    for operations in result["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    operation["responses"][status] = _named(components["responses"], f"Problem{status}", response)
    return result


def _moved(part: Any, schemas: dict[str, Any]) -> Any:
    """The same with references to the schemas that have names, which are added to `schemas`."""
    if isinstance(part, list):
        return [_moved(each, schemas) for each in part]
    if not isinstance(part, dict):
        return part
    found = {key: _moved(value, schemas) for key, value in part.items() if key != NAME}
    if NAME not in part:
        return found
    schemas[part[NAME]] = found
    return {"$ref": f"#/components/schemas/{part[NAME]}"}


def _named(responses: dict[str, Any], name: str, response: dict[str, Any]) -> dict[str, Any]:
    if responses.setdefault(name, response) != response:
        return response
    return {"$ref": f"#/components/responses/{name}"}
