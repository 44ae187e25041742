"""What each role can ask of Redis, read from the code: which calls its modules build,
and which commands those send."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from functools import cache
from pathlib import Path

from app.domain.lane import Lane
from app.store import keys
from app.store.scripts import source

ROOT = Path(__file__).parents[2]
STORE = ROOT / "app" / "store"
for path in STORE.glob("[a-z]*.py"):
    importlib.import_module(f"app.store.{path.stem}")
MODULES = {
    "gateway": tuple(
        ROOT / "app/gateway" / name
        for name in ("store_ports.py", "healing.py", "wishes.py")
    ),
    "beat": (),
    "flower": (),
    "operator": (
        *sorted((ROOT / "app/operator").rglob("*.py")),
        ROOT / "app/store/forgetting.py",
    ),
    # What of `ops` it uses is held to its line by tests/web/test_page_login.py.
    "page": (
        *(ROOT / "app/operator" / name for name in ("inside.py", "spending.py")),
        *(ROOT / "app/operator" / name for name in ("status.py", "talk.py")),
        *sorted((ROOT / "app/operator/why").glob("*.py")),
    ),
    "worker": (
        *sorted((ROOT / "app/worker").glob("*.py")),
        *sorted((ROOT / "app/delivery").glob("*.py")),
    ),
}


Where = tuple[str, str]
"""A function of the store: module and name."""


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse((STORE / f"{module}.py").read_text(encoding="utf-8"))


@cache
def _functions() -> dict[Where, ast.FunctionDef]:
    return {
        (path.stem, node.name): node
        for path in STORE.glob("*.py")
        for node in _tree(path.stem).body
        if isinstance(node, ast.FunctionDef)
    }


@cache
def _script(where: Where) -> str:
    """The script whose contract a function is; empty: it is none."""
    for mark in _functions()[where].decorator_list:
        if isinstance(mark, ast.Call) and getattr(mark.func, "id", "") == "script":
            return str(ast.literal_eval(mark.args[0]))
    return ""


@cache
def _origins(module: str) -> dict[str, Where]:
    """What a module calls its own functions and those that it imports."""
    known = {name: (own, name) for own, name in _functions() if own == module}
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "app.store"
        ):
            source_module = (node.module or "").rpartition(".")[2]
            known |= {
                alias.asname or alias.name: (source_module, alias.name)
                for alias in node.names
            }
    return known


def _called(where: Where) -> set[Where]:
    """The store's functions that a function names."""
    origins = _origins(where[0])
    found = set()
    for node in ast.walk(_functions()[where]):
        if isinstance(node, ast.Name):
            found.add(origins.get(node.id, ("", "")))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = origins.get(node.value.id, ("", ""))[1]
            found.add((module, node.attr))
    return (found & _functions().keys()) - {where}


SENT = ("evalsha", "multi", "script|load", "exec")
"""A script's call, and what a server is sent that does not know the script."""


@cache
def reached(where: Where) -> frozenset[Where]:
    """A function and all that it leads to within the store."""
    found: set[Where] = set()
    waiting = [where]
    while waiting:
        one = waiting.pop()
        if one not in found and one in _functions() and one[0] != "keys":
            found.add(one)
            waiting += _called(one)
    return frozenset(found)


def _sent(where: Where) -> set[str]:
    """The commands that a function sends itself, those of its script included."""
    script = _script(where)
    if script:
        return {*script_commands(script), *SENT}
    return {
        str(node.value).lower()
        for call in ast.walk(_functions()[where])
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "command"
        for node in ast.walk(call.args[0])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@cache
def script_commands(script: str) -> frozenset[str]:
    """The commands of a script, those of what it includes as well, as far as it uses
    that."""
    code = re.sub(r"--[^\n]*", "", source(script))
    bodies = dict(
        re.findall(r"^local function (\w+)(.*?)^end", code, re.DOTALL | re.MULTILINE)
    )
    main = re.sub(
        r"^local function \w+.*?^end", "", code, flags=re.DOTALL | re.MULTILINE
    )
    reached: set[str] = set()
    waiting = [main]
    while waiting:
        text = waiting.pop()
        for name in set(re.findall(r"\b(\w+)\(", text)) & set(bodies) - reached:
            reached.add(name)
            waiting.append(bodies[name])
        main += text
    sent = re.findall(r"redis\.p?call\('(\w+)'(?:, '(USAGE)')?", main)
    return frozenset("|".join(filter(None, words)).lower() for words in sent)


NEVER = {
    # A gateway tries it after Redis was emptied, and tells its operator that it may not.
    "gateway": {
        ("brakes", "restore_budget"),
        ("brakes", "restore_cooldown"),
        ("brakes", "restore_forgotten"),
    },
    # LangGraph's store must be able to list what it holds; no cycle asks.
    "worker": {("memories", "parts")},
}
"""Calls of a role that its login refuses on purpose."""


def functions(role: str) -> set[Where]:
    """The store's functions that a role's own code names."""
    found = set()
    for path in MODULES[role]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules = {
            alias.asname or alias.name: alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "app.store"
            for alias in node.names
        }
        found |= {
            (modules[node.value.id], node.attr)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in modules
        }
    return (found & _functions().keys()) - NEVER.get(role, set())


def commands(role: str) -> set[str]:
    """Every command that a role's own code may send."""
    return {"select", "client|setinfo"}.union(
        *(_sent(one) for where in functions(role) for one in reached(where))
    )


ARGUMENTS = {
    "lane": Lane("ada", "55"),
    "bot": "ada",
    "channel": "55",
    "scope": "channel:55",
    "part": "said",
}


def script_keys(role: str) -> set[str]:
    """An example of each key that a role's code gives to scripts by name; Redis asks
    for the right to read and write it."""
    return {
        _example(_name(node))
        for where in functions(role)
        for one in reached(where)
        if any(_takes_keys(called) for called in _called(one))
        for node in ast.walk(_functions()[one])
        if _is_key(node)
    }


def _takes_keys(where: Where) -> bool:
    """Whether a function is a contract with keys, or passes a key on to one."""
    return any(
        isinstance(node, ast.Name) and node.id == "Key"
        for node in ast.walk(_functions()[where].args)
    )


def _name(node: ast.AST) -> str:
    return str(getattr(node, "attr", getattr(node, "id", "")))


def _is_key(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and getattr(node.value, "id", "") == "keys"
        and (
            node.attr not in {"Lane", "DAY", "HOUR"}
            and not node.attr.endswith("_TTL")
            and node.attr not in {"mute_scopes"}
        )
    )


def _example(name: str) -> str:
    made = getattr(keys, name)
    if isinstance(made, str):
        return made
    return str(
        made(
            *(
                ARGUMENTS.get(argument, "1234567890")
                for argument in inspect.signature(made).parameters
            )
        )
    )
