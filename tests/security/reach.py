"""What each role can ask of Redis, read from the code: which calls its modules build,
and which commands those send."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from pathlib import Path

from app.domain.lane import Lane
from app.store import keys
from app.store.scripts import source

ROOT = Path(__file__).parents[2]
STORE = ROOT / "app" / "store"
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
    "worker": (
        *sorted((ROOT / "app/worker").glob("*.py")),
        *sorted((ROOT / "app/delivery").glob("*.py")),
    ),
}


@cache
def calls() -> dict[str, dict[str, set[str]]]:
    """By store module and function: the commands that its calls send, those of their
    scripts included."""
    found: dict[str, dict[str, set[str]]] = {}
    for path in STORE.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found[path.stem] = {
            node.name: {
                word
                for call in ast.walk(node)
                if isinstance(call, ast.Call)
                for word in _sent(call)
            }
            for node in tree.body
            if isinstance(node, ast.FunctionDef)
        }
    return found


def _sent(call: ast.Call) -> set[str]:
    name = getattr(call.func, "id", "")
    if name not in {"Call", "command"} or not call.args:
        return set()
    first = call.args[0]
    words = {
        str(node.value)
        for node in ast.walk(first)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    if name == "command":
        return {word.lower() for word in words}
    return {
        command for script in words if script for command in script_commands(script)
    } | {
        "evalsha",
        "script|load",
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


def functions(role: str) -> set[tuple[str, str]]:
    """The store's functions that a role's own code names: (module, function)."""
    found = set()
    for path in MODULES[role]:
        text = path.read_text(encoding="utf-8")
        aliases = dict(re.findall(r"(\w+) as (\w+)", text))
        for module in calls():
            for function in re.findall(
                rf"\b{aliases.get(module, module)}\.(\w+)\(", text
            ):
                found.add((module, function))
    return found


def commands(role: str) -> set[str]:
    """Every command that a role's own code may send."""
    sent = [
        calls()[module].get(function, set()) for module, function in functions(role)
    ]
    return {"select", "client|setinfo"}.union(*sent)


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
    found: set[str] = set()
    for module, function in functions(role):
        nodes = _named(module)
        waiting, reached = [function], set()
        while waiting:
            name = waiting.pop()
            if name not in nodes or name in reached:
                continue
            reached.add(name)
            for node in ast.walk(nodes[name]):
                if (
                    isinstance(node, ast.Call)
                    and getattr(node.func, "id", "") == "Call"
                ):
                    waiting += [
                        _name(part)
                        for part in ast.walk(node.args[1])
                        if not _is_key(part)
                    ]
                    found |= {
                        _example(_name(part))
                        for part in ast.walk(node.args[1])
                        if _is_key(part)
                    }
                elif name != function and _is_key(node):
                    found.add(_example(_name(node)))
    return found


@cache
def _named(module: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse((STORE / f"{module}.py").read_text(encoding="utf-8"))
    return {
        node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    }


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
