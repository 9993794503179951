"""The static check: what a function is made of, before anything of it runs; everything it holds is on a list.

It is the first of two walls, and it is told to the writer in words that it can repair by. What it lets through runs in
the sandbox and nowhere else, so that a hole here is no way out.
"""

from __future__ import annotations

import ast
import builtins
import io
import tokenize
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.toolforge.allowed import (
    BUILTINS,
    FIXED,
    HIDDEN_ATTRIBUTES,
    IMPURE_MODULES,
    IMPURE_NAMES,
    MODULES,
    NODES,
    REFUSED_ATTRIBUTES,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.toolforge.spec import Spec

MOST_LETTERS: Final = 8_000
MOST_NODES: Final = 2_000
_MOST_PROBLEMS: Final = 12
_MUTABLE: Final = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.Call)
_FORBIDDEN_BUILTINS: Final = frozenset(dir(builtins)) - BUILTINS


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What the static check found.

    Attributes:
        problems: What keeps it from being run, each in words; nothing where it may.
        impure: What in it asks for chance or the time of day.
    """

    problems: tuple[str, ...]
    impure: tuple[str, ...] = ()


def check_source(source: str, spec: Spec) -> Checked:
    """Hold the source of a function against what is allowed and against its spec; it is read and never run."""
    against = _against_text(source)
    if against:
        return Checked(problems=(against,))
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Checked(problems=(f"it is no Python: {error}",))
    nodes = list(ast.walk(tree))
    if len(nodes) > MOST_NODES:
        return Checked(problems=(f"it has {len(nodes)} parts, and may have {MOST_NODES}",))
    names = _Names(nodes)
    impure = tuple(dict.fromkeys(_impure(nodes, names)))
    found = [*_syntax_problems(nodes), *names.problems(), *_attribute_problems(nodes, names)]
    found += [*_letter_problems(source), *_top_problems(tree), *_function_problems(tree, spec)]
    if not spec.pure and not impure:
        # Nothing would hold it to what its examples say.
        found.append("the spec says that it is not pure, and nothing in it asks for chance or the time of day")
    if spec.pure and impure:
        found.append(f"the spec says that it is pure, and it uses {', '.join(impure)}")
    return Checked(problems=tuple(dict.fromkeys(found))[:_MOST_PROBLEMS], impure=impure)


class _Names:
    """Every name in a source: what binds it, and which are modules."""

    def __init__(self, nodes: Iterable[ast.AST]) -> None:
        self._nodes = tuple(nodes)
        imported = [
            (alias.asname or alias.name, alias.name, node.lineno)
            for node in self._nodes
            if isinstance(node, ast.Import)
            for alias in node.names
        ]
        self.modules = {name: module for name, module, _ in imported}
        # In each function the same name could be another module, and only one of them would be looked at.
        self._torn = [(name, line) for name, module, line in imported if self.modules[name] != module]
        self._bound = [(name, line) for node in self._nodes for name, line in _bound_by(node)]

    def problems(self) -> Iterator[str]:
        """What is wrong with the names."""
        yield from self._import_problems()
        yield from (f"line {line}: {name} is the name of another module too" for name, line in self._torn)
        known = BUILTINS | {name for name, _ in self._bound} | self.modules.keys()
        for name, line in self._bound:
            yield from self._binding_problems(name, line)
        as_base = {id(node.value) for node in self._nodes if isinstance(node, ast.Attribute)}
        for node in self._nodes:
            if not isinstance(node, ast.Name):
                continue
            if node.id in self.modules and id(node) not in as_base:
                yield f"line {node.lineno}: the module {node.id} is used as a value"
            elif node.id in _FORBIDDEN_BUILTINS or _is_dunder(node.id):
                yield f"line {node.lineno}: {node.id} is not allowed"
            elif node.id not in known:
                yield f"line {node.lineno}: {node.id} is nowhere defined"

    def _binding_problems(self, name: str, line: int) -> Iterator[str]:
        if name in _FORBIDDEN_BUILTINS or _is_dunder(name):
            yield f"line {line}: {name} may not be named here"
        if name in self.modules:
            yield f"line {line}: {name} is the name of a module already"

    def _import_problems(self) -> Iterator[str]:
        for node in self._nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name not in MODULES or "." in alias.name or _is_dunder(alias.name):
                        yield f"line {node.lineno}: import {alias.name} is not allowed"
                    if _is_dunder(alias.asname or "") or (alias.asname or "") in _FORBIDDEN_BUILTINS:
                        yield f"line {node.lineno}: {alias.asname} may not be named here"
            elif isinstance(node, ast.ImportFrom):
                allowed = MODULES.get(node.module or "", frozenset()) if not node.level else frozenset()
                for alias in node.names:
                    if alias.name not in allowed:
                        yield f"line {node.lineno}: from {node.module} import {alias.name} is not allowed"
                    if alias.asname in BUILTINS | FIXED and alias.asname != alias.name:
                        yield f"line {node.lineno}: {alias.asname} may not be named here"


def _bound_by(node: ast.AST) -> Iterator[tuple[str, int]]:
    """The names that a node binds, modules apart."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id, node.lineno
    elif isinstance(node, ast.FunctionDef):
        yield node.name, node.lineno
    elif isinstance(node, ast.arg):
        yield node.arg, node.lineno
    elif isinstance(node, ast.ImportFrom):
        yield from ((alias.asname or alias.name, node.lineno) for alias in node.names)
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name, node.lineno
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest, node.lineno


def _is_dunder(name: str) -> bool:
    return name.startswith("__")


def _against_text(source: str) -> str:
    """Why a source is not even parsed; empty where it is."""
    if not source.strip():
        return "it is empty"
    if len(source) > MOST_LETTERS:
        return f"it has {len(source)} characters, and may have {MOST_LETTERS}"
    for place, letter in enumerate(source):
        # What a person reads before they approve it must be what the interpreter reads.
        if letter != "\n" and unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
            return f"character {place + 1} is U+{ord(letter):04X}, which can't be seen; indent with spaces"
    return ""


def _letter_problems(source: str) -> Iterator[str]:
    """Names in letters that Python takes for others: what a person reads must be what is run."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and not token.string.isascii():
            yield f"line {token.start[0]}: {token.string} is no name in letters of ASCII"


def _syntax_problems(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if type(node) not in NODES:
            yield f"line {getattr(node, 'lineno', '?')}: {type(node).__name__} is not allowed"
        elif isinstance(node, ast.FunctionDef) and node.decorator_list:
            yield f"line {node.lineno}: decorators are not allowed"
        elif isinstance(node, ast.arguments):
            yield from _default_problems(node)


def _default_problems(node: ast.arguments) -> Iterator[str]:
    for default in (*node.defaults, *node.kw_defaults):
        if isinstance(default, _MUTABLE):
            yield f"line {default.lineno}: a default that can be changed is not allowed"


def _attribute_problems(nodes: Iterable[ast.AST], names: _Names) -> Iterator[str]:
    for node in nodes:
        if not isinstance(node, ast.Attribute):
            continue
        where, module = f"line {node.lineno}", _module_of(node, names)
        if not isinstance(node.ctx, ast.Load):
            yield f"{where}: attributes may not be set or deleted"
        elif module is not None:
            if node.attr not in MODULES.get(module, frozenset()):
                yield f"{where}: {module}.{node.attr} is not allowed"
        elif node.attr.startswith(("_", *HIDDEN_ATTRIBUTES)):
            yield f"{where}: the attribute {node.attr} is not allowed"
        elif node.attr in REFUSED_ATTRIBUTES:
            instead = "; write an f-string" if node.attr == "format" else ""
            yield f"{where}: .{node.attr}() is not allowed{instead}"


def _module_of(node: ast.Attribute, names: _Names) -> str | None:
    return names.modules.get(node.value.id) if isinstance(node.value, ast.Name) else None


def _impure(nodes: Iterable[ast.AST], names: _Names) -> Iterator[str]:
    """What asks for chance or the time of day."""
    yield from (name for name in names.modules.values() if name in IMPURE_MODULES)
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module in IMPURE_MODULES:
            yield str(node.module)
        elif isinstance(node, ast.Attribute) and node.attr in IMPURE_NAMES:
            yield node.attr


def _top_problems(tree: ast.Module) -> Iterator[str]:
    """What stands outside functions: imports, words, and constants in capitals that nothing is called for."""
    for node in tree.body:
        where = f"line {node.lineno}"
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if not all(isinstance(one, ast.Name) and one.id.isupper() for one in targets):
                yield f"{where}: outside a function only constants in capitals may be set"
            elif node.value is not None and any(isinstance(one, ast.Lambda) for one in ast.walk(node.value)):
                yield f"{where}: a function is written with def"
            elif node.value is not None and _can_change(node.value):
                yield f"{where}: a constant that can be changed is not allowed; write a tuple, or set it within"
        elif isinstance(node, ast.Expr):
            if not isinstance(node.value, ast.Constant):
                yield f"{where}: nothing may run outside a function"
        elif not isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom):
            yield f"{where}: nothing may run outside a function"


def _can_change(value: ast.expr) -> bool:
    """Whether a value, or one that it holds, may be another one after a call; so may what is called off the list."""
    if isinstance(value, ast.Call):
        called = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        if called not in FIXED:
            return True
        # A set that can't be changed holds nothing that can, and what is compiled, split or added up is not kept.
        return called == "tuple" and any(map(_holds_what_can_change, value.args))
    if isinstance(value, (*_MUTABLE, ast.GeneratorExp)):
        return True
    return any(_can_change(one) for one in ast.iter_child_nodes(value) if isinstance(one, ast.expr))


def _holds_what_can_change(value: ast.expr) -> bool:
    """The same of what a value holds, whatever it is itself: only that goes into a tuple."""
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        return any(map(_can_change, value.elts))
    if isinstance(value, ast.ListComp | ast.SetComp | ast.GeneratorExp):
        return _can_change(value.elt)
    called = getattr(value.func, "attr", getattr(value.func, "id", "")) if isinstance(value, ast.Call) else ""
    return called not in {"split", "splitlines", "range"} and _can_change(value)


def _function_problems(tree: ast.Module, spec: Spec) -> Iterator[str]:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    public = [node for node in functions if not node.name.startswith("_")]
    if [node.name for node in public] != [spec.name]:
        told = ", ".join(node.name for node in public) or "none"
        yield f"there must be one public function, {spec.name}, and there is: {told}"
    for node in functions:
        yield from _hint_problems(node)
    for node in public:
        if node.name == spec.name:
            yield from _argument_problems(node, spec)


def _hint_problems(node: ast.FunctionDef) -> Iterator[str]:
    held = node.args
    for one in (*held.posonlyargs, *held.args, *held.kwonlyargs):
        if one.annotation is None:
            yield f"line {one.lineno}: the argument {one.arg} has no type hint"
    if node.returns is None:
        yield f"line {node.lineno}: {node.name} has no type hint for what it returns"


def _argument_problems(node: ast.FunctionDef, spec: Spec) -> Iterator[str]:
    held = node.args
    if held.vararg or held.kwarg or held.posonlyargs:
        yield f"line {node.lineno}: {spec.name} takes its arguments by name: no *, ** or /"
    taken = {one.arg for one in (*held.args, *held.kwonlyargs)}
    wanted = set(spec.parameters.get("properties", {}))
    if taken != wanted:
        yield f"{spec.name} takes {sorted(taken)}, and its schema names {sorted(wanted)}"
    required = set(spec.parameters.get("required", ()))
    optional = {one.arg for one in held.args[len(held.args) - len(held.defaults) :]}
    optional |= {one.arg for one, default in zip(held.kwonlyargs, held.kw_defaults, strict=True) if default is not None}
    left_out = sorted((wanted - required) - optional)
    if left_out:
        yield f"the schema does not require {', '.join(left_out)}, which need a default"
