"""A script's contract is a Python signature: from it come the call, the first lines of
the Lua, and what the type checker knows."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import app.store
from app.domain import terms
from app.domain.settings import Settings
from app.store import keys, scripts
from app.store.door import Store
from app.store.keys import Key
from app.store.limits import Limits
from app.store.scripts import CONTRACTS, Contract, script

for module in pkgutil.iter_modules(app.store.__path__):
    importlib.import_module(f"app.store.{module.name}")

FOLDER = Path(app.store.__path__[0]) / "lua"
FILES = {
    str(path.relative_to(FOLDER).with_suffix("")): path.read_text(encoding="utf-8")
    for path in FOLDER.glob("*/*.lua")
}
SCRIPTS = {
    path.replace("/", "."): text
    for path, text in FILES.items()
    if not path.startswith("lib/")
}
SHIPPED = dict(CONTRACTS)
LIMITS = Limits.of(Settings(_env_file=None))

NAME = re.compile(r"(?<![\w.:'])[A-Za-z_]\w*")
LANGUAGE = {
    *[
        "and",
        "break",
        "do",
        "else",
        "elseif",
        "end",
        "false",
        "for",
        "function",
        "if",
        "in",
        "local",
        "nil",
        "not",
        "or",
    ],
    *["repeat", "return", "then", "true", "until", "while"],
    *[
        "redis",
        "cjson",
        "string",
        "table",
        "math",
        "ipairs",
        "pairs",
        "unpack",
        "tonumber",
        "type",
        "next",
    ],
    *["pcall", "KEYS", "ARGV"],
}


def code_of(lua: str) -> str:
    """Without comments and texts."""
    return re.sub(r"'[^'\n]*'", "''", re.sub(r"--[^\n]*", "", lua))


def declared(code: str) -> set[str]:
    """Names of locals, parameters and loop variables, and keys of tables."""
    found = set(re.findall(r"(?<=[{,;\s])(\w+)\s*=(?!=)", code))
    lists = re.findall(r"local (?!function)([\w, ]+)", code)
    lists += re.findall(r"function\s*\w*\(([\w, ]*)", code)
    lists += re.findall(r"for ([\w, ]+?) in", code)
    found |= set(re.findall(r"local function (\w+)", code))
    found |= set(re.findall(r"for (\w+) =", code))
    return found | {name for names in lists for name in re.findall(r"\w+", names)}


def test_every_script_has_a_contract_and_every_contract_a_script() -> None:
    """`app/store/lua/<noun>/<verb>.lua` is `<noun>.<verb>`; what stands in `lib` is
    included and nothing else."""
    assert SCRIPTS.keys() == SHIPPED.keys()


def test_the_catalogue_of_keys_names_real_scripts() -> None:
    """Who writes a key, where that is a script."""
    named = {
        name
        for row in keys.CATALOGUE
        for name in re.findall(r"\b[a-z]+\.[a-z_]+\b", f"{row.owner} {row.expiry}")
    }
    assert named - {"store.lock"} <= SHIPPED.keys()


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_a_script_uses_each_argument_and_knows_each_name(name: str) -> None:
    """An argument that the Lua does not read, or a name that nobody declared, is a
    fault of one of the two."""
    contract, body = SHIPPED[name], code_of(SCRIPTS[name])
    words = set(NAME.findall(body))
    expected = contract.names | ({contract.rest} if contract.rest else set())
    assert expected <= words, f"unused: {expected - words}"
    whole = code_of(scripts.source(name))
    assert set(NAME.findall(whole)) <= declared(whole) | LANGUAGE


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_no_argument_hides_a_name_of_an_include(name: str) -> None:
    """An argument and a function of `lib` never share a name: one would hide the
    other."""
    included: dict[str, str] = {}
    noun, verb = name.split(".")
    scripts._text(f"{noun}/{verb}", included)
    shared = "\n".join(included.values())
    own = set(re.findall(r"^local (?:function )?(\w+)", shared, re.MULTILINE))
    assert not own & (SHIPPED[name].names | {SHIPPED[name].rest})


@pytest.mark.parametrize("path", sorted(FILES))
def test_lua_names_its_arguments_and_its_terms(path: str) -> None:
    """No position, and no number where an expiry is meant."""
    code = code_of(FILES[path])
    assert not re.search(r"\b(KEYS|ARGV)\b", code)
    expiries = re.findall(r"'PEXPIRE', [^)]*|'PX', [^)]*", FILES[path])
    assert not [text for text in expiries if re.search(r"\d|\bHOUR|\bDAY", text)]
    assert re.match(r"-- [A-Z]", FILES[path].removeprefix("--#"))


def test_scripts_load(store: Store) -> None:
    """The server's Lua accepts every script."""
    for name in SHIPPED:
        assert store.client.script_load(scripts.source(name))


def _sample(
    *,
    lock: Key,
    text: str,
    number: int,
    share: float,
    sure: bool,
    perhaps: str | None,
    many: int | None,
    names: Sequence[str],
    limits: Limits,
) -> None: ...


def _rest(*more: str, lock: Key, text: str) -> None: ...


def _keys(*more: Key, lock: Key) -> None: ...


GIVEN = {
    "lock": keys.WAKES_DUE,
    "text": "7",
    "number": 8,
    "share": 0.25,
    "sure": False,
    "perhaps": None,
    "many": None,
    "names": ("a", "b"),
    "limits": LIMITS,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of scripts."""
    monkeypatch.setattr(scripts, "FOLDER", tmp_path)
    (tmp_path / "test").mkdir()
    (tmp_path / "lib").mkdir()
    yield tmp_path
    for name in [name for name in CONTRACTS if name.startswith("test.")]:
        del CONTRACTS[name]
    scripts.source.cache_clear()


def test_arguments_arrive_as_what_they_are(store: Store, folder: Path) -> None:
    """Numbers are numbers, booleans booleans, None is nil, and a list a table."""
    (folder / "test/kinds.lua").write_text(
        "return {lock, text .. '', number + 1, tostring(share * 2), tostring(sure),"
        " tostring(perhaps), tostring(many), names[2], limits.root_posts, DAY}"
    )
    call = script("test.kinds")(_sample)(**GIVEN)  # type: ignore[arg-type]
    assert store.run(call) == [
        "wakes:due",
        "7",
        9,
        "0.5",
        "false",
        "nil",
        "nil",
        "b",
        LIMITS.root_posts,
        terms.DAY,
    ]
    given = {**GIVEN, "sure": True, "perhaps": "x", "many": 0}
    again = script("test.kinds")(_sample)(**given)  # type: ignore[arg-type]
    assert store.run(again)[4:7] == ["true", "x", "0"]


def test_all_further_arguments_and_keys_are_lists(store: Store, folder: Path) -> None:
    """What follows the named ones, none as well as many."""
    (folder / "test/rest.lua").write_text("return {lock, text, #more, more[1]}")
    made = script("test.rest")(_rest)
    assert store.run(made(lock=keys.STATS, text="t")) == ["stats", "t", 0]
    many = [str(number) for number in range(20_000)]
    assert store.run(made(*many, lock=keys.STATS, text="t"))[2:] == [20_000, "0"]
    (folder / "test/keys.lua").write_text("return {lock, #more, more[1]}")
    by_key = script("test.keys")(_keys)
    assert store.run(by_key(keys.ROSTER, lock=keys.STATS)) == ["stats", 1, "roster"]


def test_an_include_comes_once_and_before_what_needs_it(
    store: Store, folder: Path
) -> None:
    """Two includes that share a third; neither sees the script's arguments."""
    (folder / "lib/one.lua").write_text("local count = 0")
    (folder / "lib/two.lua").write_text("--#include one\ncount = count + 1")
    (folder / "lib/three.lua").write_text("--#include one\ncount = count + 1")
    (folder / "test/rest.lua").write_text("--#include two three\nreturn {count, text}")
    made = script("test.rest")(_rest)
    assert store.run(made(lock=keys.STATS, text="t")) == [2, "t"]


def test_a_missing_or_unknown_argument_fails_at_once(folder: Path) -> None:
    """The type checker refuses it, and so does the call, before anything is sent. An
    unused `ignore` here would fail the type check."""
    made = script("test.rest")(_rest)
    with pytest.raises(TypeError, match=r"test\.rest: missing or unknown: text"):
        made(lock=keys.STATS)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="missing or unknown: txt"):
        made(lock=keys.STATS, text="", txt="")  # type: ignore[call-arg]
    made(lock="stats", text=keys.STATS)  # type: ignore[arg-type]
    made(lock=keys.STATS, text=5)  # type: ignore[arg-type]


def test_a_contract_names_everything() -> None:
    """Arguments by position, or of a type that nobody can send, are no contract."""

    def by_position(lock: Key) -> None: ...

    def of_no_kind(*, lock: Key, what: set[str]) -> None: ...

    with pytest.raises(TypeError, match="lock must be given by name"):
        Contract.of("test.x", by_position)
    with pytest.raises(KeyError):
        Contract.of("test.x", of_no_kind)
