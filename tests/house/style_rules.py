"""The house rules that ruff does not have, each a function from a parsed file to what is wrong in it.

A finding is named `path` or `path::function`, so that style_exceptions.toml survives moved lines.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

FUNCTION_LINES, FILE_LINES = 70, 400
ARGUMENTS, ARGUMENTS_HARD = 4, 6

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "data", "info", "misc", "common"}
BROAD = {"Exception", "BaseException"}
BROAD_ALLOWED = ("src/shunfu/driver/", "src/shunfu/db/worker.py", "src/shunfu/app/http/", "src/shunfu/app/worker.py")
IMPURE_MODULES = {
    "asyncio",
    "logging",
    "multiprocessing",
    "os",
    "random",
    "secrets",
    "socket",
    "structlog",
    "subprocess",
    "threading",
    "time",
}
IMPURE_CALLS = {"now", "utcnow", "today", "uuid1", "uuid4", "uuid7", "open", "print", "input"}
EDGE_VERBS = {"command", "callback", "get", "post", "put", "patch", "delete", "exception_handler"}

RECEIVERS = {"Transaction", "Reader", "Connection"}

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its path from the root of the tree, its text and its tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.path.startswith("src/shunfu/") and "/tests/" not in self.path

    @property
    def is_pure(self) -> bool:
        parts = PurePosixPath(self.path).parts
        if not self.is_package or self.path == "src/shunfu/kernel/clock.py":
            return False
        is_pure_room = parts[2] in {"kernel", "gateway", "channels", "auditor"}
        return is_pure_room or parts[-1] in {"model.py", "events.py", "recipes.py"}

    @property
    def is_money(self) -> bool:
        return self.is_package and PurePosixPath(self.path).name in {"money.py", "model.py", "recipes.py"}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a place; `where` names it in the list of exceptions."""

    where: str
    line: int
    what: str


def functions(source: Source) -> Iterator[tuple[str, Function]]:
    """Every function with its dotted name inside the file."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                name = f"{prefix}{child.name}"
                if isinstance(child, FUNCTIONS):
                    yield name, child
                yield from walk(child, f"{name}.")
            else:
                yield from walk(child, prefix)

    yield from walk(source.tree, "")


def function_lines(source: Source) -> Iterator[Finding]:
    """A function is at most 70 lines."""
    for name, function in functions(source):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > FUNCTION_LINES:
            yield Finding(f"{source.path}::{name}", function.lineno, f"{lines} lines, more than {FUNCTION_LINES}")


def file_lines(source: Source) -> Iterator[Finding]:
    """A file is at most 400 lines."""
    lines = source.text.count("\n")
    if lines > FILE_LINES:
        yield Finding(source.path, 1, f"{lines} lines, more than {FILE_LINES}")


def arguments(source: Source) -> Iterator[Finding]:
    """Four arguments, then a frozen dataclass; six for a constructor or what a framework calls. Never more than six.

    What a function works on in place of self (the transaction, the reader, the room's tools) is not counted.
    """
    for name, function in functions(source):
        every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        count = len([argument for argument in every if not _is_receiver(argument)])
        is_edge = function.name == "__init__" or any(_verb(decorator) for decorator in function.decorator_list)
        if count > (ARGUMENTS_HARD if is_edge else ARGUMENTS) and not _is_stub(function):
            yield Finding(f"{source.path}::{name}", function.lineno, f"{count} arguments")


def _is_receiver(argument: ast.arg) -> bool:
    kind = ast.unparse(argument.annotation) if argument.annotation else ""
    return argument.arg in {"self", "cls"} or kind.rpartition(".")[2] in RECEIVERS or kind.endswith("Tools")


def _verb(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Attribute) and called.attr in EDGE_VERBS


def hidden_import(source: Source) -> Iterator[Finding]:
    """No import inside a function, but in a cli command, which imports its room when called."""
    if not source.is_package or source.path.startswith("src/shunfu/app/cli"):
        return
    for name, function in functions(source):
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function)):
            yield Finding(f"{source.path}::{name}", function.lineno, "imports inside a function")


def broad_except(source: Source) -> Iterator[Finding]:
    """A broad except stands only in the driver, the worker loop and the HTTP edge; elsewhere it must raise again."""
    if not source.is_package or source.path.startswith(BROAD_ALLOWED):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _raises_again(node):
            yield Finding(source.path, node.lineno, "broad except")


def _is_broad(kind: ast.expr | None) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(one is None or (isinstance(one, ast.Name) and one.id in BROAD) for one in kinds)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def empty_name(source: Source) -> Iterator[Finding]:
    """No utils, helpers, manager, data or info: such a name takes anything in."""
    parts = PurePosixPath(source.path).with_suffix("").parts
    words = {word for part in parts[1:] for word in part.split("_")} if source.is_package else set[str]()
    for name in sorted(words & EMPTY_NAMES):
        yield Finding(source.path, 1, f"a module named {name}")


def docstring(source: Source) -> Iterator[Finding]:
    """Every module, public class and public function says what it is for."""
    if not source.is_package:
        return
    if ast.get_docstring(source.tree) is None and source.text.strip():
        yield Finding(source.path, 1, "no module docstring")
    bodies = [source.tree, *(node for node in source.tree.body if isinstance(node, ast.ClassDef))]
    for body in bodies:
        prefix = f"{body.name}." if isinstance(body, ast.ClassDef) else ""
        for node in body.body:
            is_definition = isinstance(node, (*FUNCTIONS, ast.ClassDef))
            if not is_definition or node.name.startswith("_") or prefix.startswith("_") or _is_overload(node):
                continue
            if ast.get_docstring(node) is None:
                yield Finding(f"{source.path}::{prefix}{node.name}", node.lineno, "no docstring")


def _is_stub(node: ast.ClassDef | Function) -> bool:
    """A protocol's line that mirrors a library's: the library documents and shapes it."""
    return isinstance(node.body[0], ast.Expr) and ast.unparse(node.body[0]) == "..."


def _is_overload(node: ast.ClassDef | Function) -> bool:
    if _is_stub(node):
        return True
    names = {part.id for part in node.decorator_list if isinstance(part, ast.Name)}
    setters = {part.attr for part in node.decorator_list if isinstance(part, ast.Attribute)}
    return bool(names & {"overload", "override"} or setters & {"setter", "deleter"})


def bare_todo(source: Source) -> Iterator[Finding]:
    """A TODO names its issue: `TODO(#12)`."""
    if not re.search(r"TODO|FIXME|XXX", source.text):
        return
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT and re.search(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))", token.string):
            yield Finding(source.path, token.start[0], "TODO without an issue")


def float_money(source: Source) -> Iterator[Finding]:
    """Money is integers: no float in money, model and recipes; a name that ends in _minor is an int everywhere."""
    for node in ast.walk(source.tree):
        is_float = (isinstance(node, ast.Name) and node.id == "float") or (
            isinstance(node, ast.Constant) and isinstance(node.value, float)
        )
        if source.is_money and is_float:
            yield Finding(source.path, getattr(node, "lineno", 1), "float where money is")
        name, annotation = _annotated(node)
        if source.is_package and name.endswith("_minor") and annotation is not None:
            words = set(re.findall(r"\w+", ast.unparse(annotation)))
            if words & {"float", "Decimal", "str", "Any", "object"}:
                yield Finding(source.path, getattr(node, "lineno", 1), f"{name} is not an int")


def _annotated(node: ast.AST) -> tuple[str, ast.expr | None]:
    match node:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
            return name, annotation
        case ast.arg(arg=name, annotation=annotation):
            return name, annotation
        case ast.FunctionDef(name=name, returns=returns) | ast.AsyncFunctionDef(name=name, returns=returns):
            return name, returns
        case _:
            return "", None


def impure(source: Source) -> Iterator[Finding]:
    """Kernel, gateway, channels, models, events and recipes: no await, clock, chance, environment, log or file."""
    if not source.is_pure:
        return
    for node in ast.walk(source.tree):
        line = getattr(node, "lineno", 1)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield Finding(source.path, line, "async in a pure file")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (Finding(source.path, line, f"imports {name}") for name in _roots(node) & IMPURE_MODULES)
        elif isinstance(node, ast.Call) and (name := _called(node)) in IMPURE_CALLS:
            yield Finding(source.path, line, f"calls {name}()")


def _roots(node: ast.Import | ast.ImportFrom) -> set[str]:
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").partition(".")[0]}
    return {alias.name.partition(".")[0] for alias in node.names}


def _called(node: ast.Call) -> str:
    """`now` of `datetime.now(…)`, `open` of `open(…)`; not of `clock.now()`, which is the seam itself."""
    match node.func:
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in {"datetime", "date", "uuid"}:
            return name
        case ast.Name(id=name):
            return name
        case _:
            return ""


def silenced_warning(source: Source) -> Iterator[Finding]:
    """A warning is repaired and not silenced."""
    for node in ast.walk(source.tree):
        if source.is_package and isinstance(node, ast.Import | ast.ImportFrom) and "warnings" in _roots(node):
            yield Finding(source.path, node.lineno, "imports warnings")


RULES: dict[str, Callable[[Source], Iterator[Finding]]] = {
    rule.__name__: rule
    for rule in (
        function_lines,
        file_lines,
        arguments,
        hidden_import,
        broad_except,
        empty_name,
        docstring,
        bare_todo,
        float_money,
        impure,
        silenced_warning,
    )
}
