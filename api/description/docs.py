"""The description of the API for people: a page without scripts, and plain text for terminals."""

import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from dnsguard.api.description.docstyle import STYLE
from dnsguard.api.description.operations import Described

_REFERENCE = re.compile(r"#/components/(\w+)/")
_MARKS = re.compile(r"``?([^`]+)``?")


def page(document: Described) -> str:
    """HTML. All links are to places of the page itself, and to `openapi.json` beside it."""
    tags = [tag["name"] for tag in document["tags"]]
    links = "".join(f'<a href="#{_anchor(tag)}">{escape(tag)}</a>' for tag in (*tags, "schemas"))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>dnsguard API</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>dnsguard API</h1>\n"
        f"{_paragraphs(document['info']['description'])}"
        f'<p>Version {escape(document["info"]["version"])}; for programs: <a href="openapi.json">openapi.json</a>.</p>'
        f"<nav>{links}</nav>\n"
        + "".join(_tag(document, tag) for tag in document["tags"])
        + '<h2 id="schemas">schemas</h2>\n'
        + "".join(_schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items()))
        + "</body></html>\n"
    )


def listing(document: Described) -> str:
    """The operations as text, one a line."""
    lines = [f"dnsguard API {document['info']['version']}; all of it: /openapi.json", ""]
    for tag in document["tags"]:
        lines += [tag["name"], ""]
        lines += [
            f"  {method.upper():6} {path}    {one['summary']}" for path, method, one in _of(document, tag["name"])
        ]
        lines.append("")
    return "\n".join(lines)


def _of(document: Described, tag: str) -> Iterator[tuple[str, str, Described]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if tag in operation["tags"]:
                yield path, method, operation


def _tag(document: Described, tag: Described) -> str:
    shown = "".join(_operation(document, *each) for each in _of(document, tag["name"]))
    return f'<h2 id="{_anchor(tag["name"])}">{escape(tag["name"])}</h2>\n<p>{_text(tag["description"])}</p>\n{shown}'


def _operation(document: Described, path: str, method: str, operation: Described) -> str:
    return (
        f'<details id="{_anchor(f"{method} {path}")}"><summary><b class="method {method}">{method.upper()}</b>'
        f"<code>{escape(path)}</code><span>{_text(operation['summary'])}</span></summary>\n"
        f"{_paragraphs(operation.get('description', ''))}{_parameters(operation)}{_body(operation)}"
        f"{_answers(document, operation)}</details>\n"
    )


def _parameters(operation: Described) -> str:
    rows = [
        (escape(each["name"]), escape(each["in"]), _type(each["schema"]), _text(each["description"]))
        for each in operation.get("parameters", ())
    ]
    return _table("Parameters", ("name", "in", "type", ""), rows) if rows else ""


def _body(operation: Described) -> str:
    if "requestBody" not in operation:
        return ""
    rows, examples = [], ""
    for media_type, body in operation["requestBody"]["content"].items():
        rows.append((escape(media_type), _type(body["schema"])))
        for example in body.get("examples", {}).values():
            examples += (
                f"<p>{_text(example['summary'])}:</p><pre>{escape(json.dumps(example['value'], indent=2))}</pre>"
            )
    return _table("Body", ("form", "type"), rows) + examples


def _answers(document: Described, operation: Described) -> str:
    rows = []
    for code, answer in operation["responses"].items():
        resolved = answer
        if "$ref" in answer:
            resolved = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        kinds = dict.fromkeys(_type(each["schema"]) for each in resolved.get("content", {}).values())
        rows.append((escape(code), " ".join(kinds), _text(resolved["description"])))
    return _table("Answers", ("status", "type", ""), rows)


def _schema(name: str, schema: Described) -> str:
    needed = schema.get("required", ())
    rows = [
        (escape(field) + (" *" if field in needed else ""), _type(value), _text(value.get("description", "")))
        for field, value in schema.get("properties", {}).items()
    ]
    table = _table("", ("field", "type", ""), rows) if rows else f"<p>{_type(schema)}</p>"
    return f'<h3 id="{_anchor(name)}">{escape(name)}</h3>\n{_paragraphs(schema.get("description", ""))}{table}'


def _table(caption: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Cells are HTML already; the one before the last says a type."""
    named = f"<caption>{escape(caption)}</caption>" if caption else ""
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    typed = heads.index("type")
    body = "".join(
        "<tr>"
        + "".join(f'<td class="type">{c}</td>' if i == typed else f"<td>{c}</td>" for i, c in enumerate(row))
        + "</tr>\n"
        for row in rows
    )
    return f"<table>{named}<tr>{head}</tr>\n{body}</table>\n"


def _type(schema: Any) -> str:
    """What a schema takes, in few words."""
    if not isinstance(schema, dict) or not schema:
        return "anything"
    if "$ref" in schema:
        name = _REFERENCE.sub("", schema["$ref"])
        return f'<a href="#{_anchor(name)}">{escape(name.rpartition(".")[2])}</a>'
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_type(each) for each in schema[several]))
    if "enum" in schema:
        return " ".join(escape(json.dumps(each)) for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_type(schema['additionalProperties'])}"
    return escape(str(schema.get("type", "anything")))


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_text(part)}</p>\n" for part in text.split("\n\n") if part.strip())


def _text(text: str) -> str:
    """With what stands between backticks as code."""
    return _MARKS.sub(r"<code>\1</code>", escape(text, quote=False))


def _anchor(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")
