"""The API only grows: compares what the code serves with what is committed, and with the baseline that clients rely on.

    tools/openapi_gate.py            drift against docs/reference/openapi.json, breaks against openapi.baseline.json
    tools/openapi_gate.py --accept   makes the present API the baseline, when it breaks nothing (at a release)

A request may ask for no more than before; a response may give no less. What is compared: paths, methods, status codes,
media types, parameters, properties, types, enum values and the bounds of numbers, texts and lists.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, cast

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
COMMITTED = REFERENCE / "openapi.json"
BASELINE = REFERENCE / "openapi.baseline.json"
SOURCE = ROOT / "src" / "shunfu" / "app" / "openapi.py"

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where two schemas are compared: the path for messages, the direction, both documents, the pairs on the way."""

    where: str
    is_request: bool
    old_root: Json
    new_root: Json
    pairs: frozenset[tuple[str, str]] = frozenset()

    def at(self, step: str) -> Place:
        """The same comparison one step deeper."""
        return replace(self, where=f"{self.where}{step}")


def resolve(root: Json, value: Json) -> Json:
    """The value behind a local `$ref`, or the value itself."""
    while "$ref" in value:
        found: Any = root
        for part in str(value["$ref"]).removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        value = found
    return value


def breaks(old: Json, new: Json) -> list[str]:
    """One sentence for every removal or narrowing between two OpenAPI 3.1 documents; empty when the API only grew."""
    return list(_paths(old, new))


def _paths(old: Json, new: Json) -> Iterator[str]:
    for path, old_item in _table(old, "paths").items():
        new_item = _table(new, "paths").get(path)
        if new_item is None:
            yield f"{path}: path removed"
            continue
        for method in METHODS:
            if method not in old_item:
                continue
            where = f"{method.upper()} {path}"
            if method not in new_item:
                yield f"{where}: method removed"
                continue
            place = Place(where, is_request=True, old_root=old, new_root=new)
            yield from _operation(old_item[method], new_item[method], place)


def _operation(old: Json, new: Json, place: Place) -> Iterator[str]:
    yield from _parameters(old, new, place)
    yield from _request_body(old, new, place)
    for status, old_response in _table(old, "responses").items():
        here = replace(place.at(f" {status}"), is_request=False)
        if status not in _table(new, "responses"):
            yield f"{here.where}: response code removed"
            continue
        new_response = resolve(place.new_root, new["responses"][status])
        yield from _content(resolve(place.old_root, old_response), new_response, here)


def _parameters(old: Json, new: Json, place: Place) -> Iterator[str]:
    before = _by_name(place.old_root, old)
    after = _by_name(place.new_root, new)
    for key, parameter in after.items():
        if parameter.get("required") and not before.get(key, {}).get("required"):
            yield f"{place.where} {key}: parameter is now required"
    for key, parameter in before.items():
        if key not in after:
            yield f"{place.where} {key}: parameter removed"
        else:
            yield from _schema(parameter.get("schema", {}), after[key].get("schema", {}), place.at(f" {key}"))


def _by_name(root: Json, operation: Json) -> dict[str, Json]:
    parameters = [resolve(root, parameter) for parameter in operation.get("parameters", [])]
    return {f"{parameter['in']}:{parameter['name']}": parameter for parameter in parameters}


def _request_body(old: Json, new: Json, place: Place) -> Iterator[str]:
    before = resolve(place.old_root, old.get("requestBody", {}))
    after = resolve(place.new_root, new.get("requestBody", {}))
    if after.get("required") and not before.get("required"):
        yield f"{place.where} body: request body is now required"
    yield from _content(before, after, place.at(" body"))


def _content(old: Json, new: Json, place: Place) -> Iterator[str]:
    for media_type, old_media in _table(old, "content").items():
        if media_type not in _table(new, "content"):
            yield f"{place.where}: {media_type} removed"
        else:
            yield from _schema(old_media.get("schema", {}), new["content"][media_type].get("schema", {}), place)


def _schema(old: Json, new: Json, place: Place) -> Iterator[str]:
    pair = (str(old.get("$ref", "")), str(new.get("$ref", "")))
    if any(pair):
        if pair in place.pairs:
            return
        place = replace(place, pairs=place.pairs | {pair})
    old, new = _flat(place.old_root, old), _flat(place.new_root, new)
    yield from _types(old, new, place)
    yield from _enum(old, new, place)
    yield from _bounds(old, new, place)
    yield from _properties(old, new, place)
    if "items" in old and "items" in new:
        yield from _schema(old["items"], new["items"], place.at("[]"))
    yield from _variants(old, new, place)


def _flat(root: Json, schema: Json) -> Json:
    """The schema with its reference followed and its allOf merged."""
    schema = resolve(root, schema)
    if "allOf" not in schema:
        return schema
    merged: Json = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        flat = _flat(root, part)
        merged = {
            **flat,
            **merged,
            "properties": {**_table(flat, "properties"), **_table(merged, "properties")},
            "required": [*flat.get("required", []), *merged.get("required", [])],
        }
    return merged


def _types(old: Json, new: Json, place: Place) -> Iterator[str]:
    before, after = _type_set(old), _type_set(new)
    lost, gained = before - after, after - before
    if (place.is_request and after and (lost or not before)) or (
        not place.is_request and before and (gained or not after)
    ):
        yield f"{place.where}: type changed from {_words(before)} to {_words(after)}"
    elif not place.is_request and lost and not after:
        yield f"{place.where}: type removed"


def _type_set(schema: Json) -> frozenset[str]:
    kind = schema.get("type", [])
    return frozenset([kind] if isinstance(kind, str) else kind)


def _words(types: frozenset[str]) -> str:
    return " or ".join(sorted(types)) or "any"


def _enum(old: Json, new: Json, place: Place) -> Iterator[str]:
    before, after = _values(old), _values(new)
    if before is not None and after is not None:
        for value in before:
            if value not in after:
                yield f"{place.where}: enum value {value!r} removed"
    elif place.is_request and after is not None:
        yield f"{place.where}: only certain values are allowed now"
    elif not place.is_request and before is not None:
        yield f"{place.where}: enum removed"


def _values(schema: Json) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _bounds(old: Json, new: Json, place: Place) -> Iterator[str]:
    if not place.is_request:
        return
    for key in LOWER_BOUNDS:
        if key in new and (key not in old or new[key] > old[key]):
            yield f"{place.where}: {key} raised from {old.get(key, 'none')} to {new[key]}"
    for key in UPPER_BOUNDS:
        if key in new and (key not in old or new[key] < old[key]):
            yield f"{place.where}: {key} lowered from {old.get(key, 'none')} to {new[key]}"
    for key in ("pattern", "format"):
        if key in new and new[key] != old.get(key):
            yield f"{place.where}: {key} changed from {old.get(key, 'none')} to {new[key]}"


def _properties(old: Json, new: Json, place: Place) -> Iterator[str]:
    before, after = _table(old, "properties"), _table(new, "properties")
    must_before, must_after = set(old.get("required", [])), set(new.get("required", []))
    for name, schema in before.items():
        if name not in after:
            yield f"{place.where}.{name}: property removed"
        else:
            yield from _schema(schema, after[name], place.at(f".{name}"))
    if place.is_request:
        for name in sorted(must_after - must_before):
            yield f"{place.where}.{name}: field is now required"
        if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
            yield f"{place.where}: unknown fields are refused now"
    else:
        for name in sorted((must_before - must_after) & set(after)):
            yield f"{place.where}.{name}: no longer always present"


def _variants(old: Json, new: Json, place: Place) -> Iterator[str]:
    before, after = _variant_table(old, place.old_root), _variant_table(new, place.new_root)
    for name, schema in before.items():
        if name in after:
            yield from _schema(schema, after[name], place.at(f"({name})"))
        else:
            yield f"{place.where}: variant {name} removed"
    for name in after:
        if name not in before and not place.is_request and before:
            yield f"{place.where}: variant {name} added, which old clients cannot read"


def _variant_table(schema: Json, root: Json) -> dict[str, Json]:
    """anyOf and oneOf by a name that survives reordering: the reference, the title or the type."""
    variants: list[Json] = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    named: dict[str, Json] = {}
    for position, variant in enumerate(variants):
        flat = resolve(root, variant)
        name = str(variant.get("$ref", "")).rpartition("/")[2] or flat.get("title") or flat.get("type") or position
        named[str(name)] = variant
    return named


def _table(value: Json, key: str) -> dict[str, Json]:
    return cast("dict[str, Json]", value.get(key) or {})


def canonical(document: Json) -> str:
    """The text that is committed: sorted, indented, with a last line end."""
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def generated() -> Json | None:
    """The document that the code serves, or None while the code has no module that prints it."""
    if not SOURCE.exists():
        return None
    done = subprocess.run(
        [sys.executable, "-m", "shunfu.app.openapi"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"openapi: python -m shunfu.app.openapi failed:\n{done.stderr}")
    return json.loads(done.stdout)


def problems(document: Json, committed: str | None, baseline: Json | None) -> list[str]:
    """What is wrong with the served document beside the committed text and the baseline; empty when nothing is."""
    wrong: list[str] = []
    if committed != canonical(document):
        wrong.append("docs/reference/openapi.json is not what the code serves: run `make reference` and commit it")
    if baseline is None:
        wrong.append("docs/reference/openapi.baseline.json is missing: run `make reference` and commit it")
    else:
        wrong += [f"breaks clients: {sentence}" for sentence in breaks(baseline, document)]
    return wrong


def main(arguments: list[str]) -> int:
    """Exit code: 0 when the committed document is the served one and nothing broke."""
    document = generated()
    if document is None:
        print("openapi: the code has no src/shunfu/app/openapi.py yet, so there is nothing to compare")
        return 0
    committed = COMMITTED.read_text("utf8") if COMMITTED.exists() else None
    baseline = json.loads(BASELINE.read_text("utf8")) if BASELINE.exists() else None
    wrong = problems(document, committed, baseline)
    if "--accept" in arguments and not wrong:
        BASELINE.write_text(canonical(document), "utf8")
    print("\n".join(f"openapi: {sentence}" for sentence in wrong) or "openapi: no drift, and nothing was taken away")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
