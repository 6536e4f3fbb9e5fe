"""Which calls of AWS stand in our code: the source read, names looked up in botocore's own service models.

A module names a service in `.client("s3")`, and an operation as a method, as the name of a paginator or of a waiter, or
as a text that is given to `getattr`. A name that is an operation of a service of the same class counts as a call.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import botocore.session

MODULES = Path(__file__).parents[2] / "segment_assets" / "resources" / "aws"
# Names of two services, of which ours means the other one (Glue's).
AMBIGUOUS = {"athena:GetDatabase"}
# Methods of boto3's clients that are several calls, and what Arrow's file system does.
SEVERAL = {
    "download_file": {"s3:HeadObject", "s3:GetObject"},
    "download_fileobj": {"s3:HeadObject", "s3:GetObject"},
    "upload_file": {"s3:PutObject", "s3:CreateMultipartUpload", "s3:UploadPart", "s3:CompleteMultipartUpload", "s3:AbortMultipartUpload"},
    "upload_fileobj": {"s3:PutObject", "s3:CreateMultipartUpload", "s3:UploadPart", "s3:CompleteMultipartUpload", "s3:AbortMultipartUpload"},
    "filesystem": {"s3:HeadObject", "s3:GetObject", "s3:ListObjectsV2"},
}  # fmt: skip


@functools.cache
def operations(service: str) -> dict[str, str]:
    """Python's name -> the API's name of every operation."""
    from botocore import xform_name

    names = botocore.session.get_session().get_service_model(service).operation_names
    return {xform_name(name): name for name in names}


@functools.cache
def calls_of(family: str) -> frozenset[str]:
    """Calls of one class of `resources/aws`, as `service:Operation`: of its module and of those whose names begin so."""
    return _calls(sorted(MODULES.glob(f"{family}*.py")))


@functools.cache
def calls_below(folder: str) -> frozenset[str]:
    """The same of a folder of the package."""
    return _calls(sorted((MODULES.parents[1] / folder).glob("*.py")))


def calls_to(service: str, module: str) -> set[str]:
    """Calls of one service in one file that is handed its client."""
    words = {
        node.attr
        for node in ast.walk(ast.parse((MODULES.parents[1] / module).read_text()))
        if isinstance(node, ast.Attribute)
    }
    return {f"{service}:{name}" for python, name in operations(service).items() if python in words}


def _calls(modules: list[Path]) -> frozenset[str]:
    trees = [ast.parse(module.read_text(encoding="utf-8")) for module in modules]
    assert trees
    nodes = [node for tree in trees for node in ast.walk(tree)]
    words = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    words |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    found = {
        f"{service}:{name}"
        for service in services(nodes)
        for python, name in operations(service).items()
        if python in words
    }
    found -= AMBIGUOUS
    return frozenset(found.union(*(calls for method, calls in SEVERAL.items() if method in words)))


def services(nodes: list[ast.AST]) -> set[str]:
    """Services of which a client is made."""
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return {
        node.args[0].value
        for node in calls
        if node.func.attr == "client" and node.args and isinstance(node.args[0], ast.Constant)
    }


def families() -> list[str]:
    """The classes' modules: a name of which no other module's name is the beginning, the way into the account left out."""
    stems = sorted(module.stem for module in MODULES.glob("*.py"))
    mains = [stem for stem in stems if not any(stem.startswith(f"{other}_") for other in stems)]
    return [stem for stem in mains if stem not in {"__init__", "session", "errors", "uris"}]
