"""The record of each route, and the OpenAPI document (3.1.0) that is made of these records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from typing import Any

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from edge_srcnn.sinks.control import Setting

JSON, TEXT, JPEG = "application/json", "text/plain", "image/jpeg"
PROJECT = "edge-srcnn"

_COMPONENTS = "#/components/schemas/{name}"
_ANYWHERE = {
    400: "The request makes no sense.",
    421: "The server is called by a name that it does not answer to; hosts= adds one.",
    503: "There are too many visitors, or there is no picture.",
}
_UNSAFE = {
    403: "A page of another origin may not change anything.",
    409: "What is running here does not allow it, or it cannot be written.",
    413: "The body is too large.",
}


@dataclass(frozen=True)
class Parameter:
    """Describe one option of a query: its name, what it is for, what it may be, and what it is where it is missing."""

    name: str
    text: str
    choices: tuple[str, ...]
    usual: str | None = None


@dataclass(frozen=True)
class Route:
    """Describe what is answered at a path.

    Attributes
    ----------
    path
        Below the prefix.
    handler
        Answers.
    summary
        What it gives; empty: it is a file of the page, which nobody needs to know.
    media
        Types of the answer.
    schema
        Of an answer in JSON: a JSON schema, or a dataclass; None: anything.
    parameters
        Of the query.
    method
        ``GET`` (and ``HEAD``), or another one.
    body
        JSON schema of what is sent; None: nothing is.
    status
        Of the answer where all is as it should be.
    others
        Other statuses, and what they mean.
    """

    path: str
    handler: Handler
    summary: str = ""
    media: tuple[str, ...] = (JSON,)
    schema: Any = None
    parameters: tuple[Parameter, ...] = ()
    method: str = hdrs.METH_GET
    body: Mapping[str, Any] | None = None
    status: int = 200
    others: Mapping[int, str] = field(default_factory=dict)

    def define(self, prefix: str) -> web.RouteDef:
        """Make aiohttp's definition."""
        path = f"{prefix}{self.path}"
        if self.method == hdrs.METH_GET:
            return web.get(path, self.handler)
        return web.route(self.method, path, self.handler)


def document(routes: Iterable[Route], *, server: str, version: str, token: bool) -> dict[str, Any]:
    """Describe the routes.

    Parameters
    ----------
    routes
        All of them.
    server
        The path that they are below, as who asks sees it.
    version
        Of this package.
    token
        A token is asked for.

    Returns
    -------
    The document, for JSON.
    """
    told = [route for route in routes if route.summary]
    classes = tuple(dict.fromkeys(route.schema for route in told if is_dataclass(route.schema)))
    _, components = msgspec.json.schema_components(classes, ref_template=_COMPONENTS)
    paths: dict[str, dict[str, Any]] = {}
    for route in told:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, token=token)
    ways = {"bearer": {"type": "http", "scheme": "bearer"}, "basic": {"type": "http", "scheme": "basic"}}
    ways["query"] = {"type": "apiKey", "in": "query", "name": "token"}
    return {
        "openapi": "3.1.0",
        "info": {"title": PROJECT, "version": version, "description": "Sharper camera pictures: state and control."},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {"schemas": components, **({"securitySchemes": ways} if token else {})},
        **({"security": [{way: []} for way in ways]} if token else {}),
    }


def settings_schema(settings: Sequence[Setting], *, change: bool) -> dict[str, Any]:
    """Describe values of settings as an object of JSON; ``change``: any of them, else all."""
    found = {each.name: _setting_schema(each) for each in settings}
    return {
        "type": "object",
        "properties": found,
        "additionalProperties": False,
        **({} if change else {"required": list(found)}),
    }


def _setting_schema(setting: Setting) -> dict[str, Any]:
    forms: list[dict[str, Any]] = []
    if setting.kind == "switch":
        forms.append({"type": "boolean"})
    elif setting.kind == "text":
        forms.append({"type": "string", **({"pattern": f"^{setting.pattern}$"} if setting.pattern else {})})
    elif setting.kind == "number":
        forms.append({"type": "number", "minimum": setting.least, "maximum": setting.most})
    if setting.choices:
        forms.append({"enum": list(setting.choices)})
    if setting.empty is not None:
        forms.append({"type": "null"})
    title = {"title": setting.label, "description": setting.blocked or f"Give {setting.takes}."}
    return {**(forms[0] if len(forms) == 1 else {"anyOf": forms}), **title}


def _operation(route: Route, *, token: bool) -> dict[str, Any]:
    statuses = dict(_ANYWHERE)
    if token and route.path != "/healthz":
        statuses[401] = "The token is missing, or wrong."
    if route.method != hdrs.METH_GET:
        statuses |= _UNSAFE
    if route.body is not None:
        statuses |= {415: "The body is no JSON.", 422: "A setting does not exist, or does not take that."}
    statuses |= route.others
    found: dict[str, Any] = {
        "summary": route.summary,
        "responses": {
            str(route.status): {
                "description": route.summary,
                "content": {each: _content(route, each) for each in route.media},
            },
            **{str(status): _told(text) for status, text in sorted(statuses.items())},
        },
    }
    if route.parameters:
        found["parameters"] = [_parameter(each) for each in route.parameters]
    if route.body is not None:
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": route.body}}}
    if route.path == "/healthz":
        found["security"] = []
    return found


def _content(route: Route, media: str) -> dict[str, Any]:
    if media != JSON:
        return {"schema": {"type": "string"}} if media.startswith("text/") else {}
    if is_dataclass(route.schema):
        return {"schema": {"$ref": _COMPONENTS.format(name=getattr(route.schema, "__name__", ""))}}
    return {"schema": route.schema or {"type": "object"}}


def _told(text: str) -> dict[str, Any]:
    return {"description": text, "content": {TEXT: {"schema": {"type": "string"}}}}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "enum": list(parameter.choices)}
    if parameter.usual is not None:
        schema["default"] = parameter.usual
    return {"name": parameter.name, "in": "query", "description": parameter.text, "schema": schema}
