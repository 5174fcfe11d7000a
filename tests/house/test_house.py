"""The house rules that a machine can hold. Each failure says file: what: why."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "handfast"
CORE = ("worktime", "contract", "identity", "readiness", "routing", "sla", "brief", "measure", "tuning")
CORE_FILES = [PACKAGE / f"{name}.py" for name in ("facts", "problem", "numbers", "dispositions")]
#: What a core room must not touch: the clock, luck, the environment, files, the network, logs.
FORBIDDEN_MODULES = {
    "random",
    "secrets",
    "os",
    "socket",
    "logging",
    "structlog",
    "urllib",
    "http",
    "subprocess",
    "time",
    "psycopg",
    "sqlite3",
    "requests",
}
FORBIDDEN_CALLS = {"now", "utcnow", "today", "open", "uuid4", "uuid1", "getenv", "print", "input"}
SQL = re.compile(r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE)\b", re.DOTALL)


def files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def core_files() -> list[Path]:
    return files(*(PACKAGE / room for room in CORE if (PACKAGE / room).exists())) + CORE_FILES


def wrong_in(source: str, name: str) -> list[str]:
    """What a core file does that the core must not do."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            names = []
        found += [
            f"{name}:{node.lineno}: imports {m}: the core has no outside"
            for m in names
            if m.split(".")[0] in FORBIDDEN_MODULES and m != "urllib.parse"
        ]
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
            if called in FORBIDDEN_CALLS:
                found.append(f"{name}:{node.lineno}: calls {called}(): `at` is passed in, and files are the shell's")
    return found


def test_the_core_asks_no_clock_no_luck_and_no_file() -> None:
    assert [line for path in core_files() for line in wrong_in(path.read_text(), str(path.relative_to(ROOT)))] == []


def test_that_rule_can_fail() -> None:
    assert wrong_in("import random\nfrom datetime import datetime\nx = datetime.now()", "made_up.py") != []


def texts_of(path: Path) -> list[tuple[int, str]]:
    """The string literals of a file that are no docstrings."""
    tree = ast.parse(path.read_text())
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [(n.lineno, n.value) for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docs]


def test_only_the_store_speaks_sql() -> None:
    outside = [path for path in files(PACKAGE) if "store" not in path.relative_to(PACKAGE).parts]
    found = [
        f"{path.relative_to(ROOT)}:{line}: SQL outside store/" for path in outside for line, text in texts_of(path) if SQL.search(text)
    ]
    assert found == []


def test_floors_hold() -> None:
    done = subprocess.run([str(Path(sys.executable).parent / "lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_stable_choices_never_use_hash() -> None:
    for path in core_files():
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "hash"
            assert not named, f"{path.relative_to(ROOT)}:{node.lineno}: hash() is salted anew in each process; use facts.stable_id"


def test_every_command_is_documented() -> None:
    from handfast.cli import NOUNS

    text = (ROOT / "docs/reference/commands.md").read_text()
    assert [noun for noun in NOUNS if f"handfast {noun}" not in text] == []


def test_every_table_of_the_schema_is_told_apart() -> None:
    schema = (PACKAGE / "store/schema.sql").read_text()
    tables = re.findall(r"^CREATE TABLE (\w+)", schema, re.MULTILINE)
    assert len(tables) == len(set(tables)) > 20


def test_links_in_the_docs_lead_somewhere() -> None:
    broken = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text()):
            broken += [f"{page.relative_to(ROOT)}: {target}"] * (not (page.parent / target).exists())
    assert broken == []


@pytest.mark.parametrize("folder", ["src", "docs", "tests", "bench", "examples", "tools", "requirements"])
def test_no_registry_host_and_no_path_of_one_machine_is_committed(folder: str) -> None:
    # Put together here, so that this file does not name them itself.
    forbidden = ["files.python" + "hosted.org", "pypi" + ".org/simple", "registry.npm" + "js.org", "/" + "work/main", "/" + "work/shared"]
    tracked = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    found = []
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".woff2", ".png", ".parquet"} or not path.is_file():
            continue
        text = path.read_text(errors="replace")
        found += [f"{name}: {word}" for word in forbidden if word in text]
    assert found == []


def test_the_package_and_its_first_call_ask_no_network() -> None:
    """Nothing is fetched at run time: every module is imported with sockets refused."""
    code = """
import socket, sys, pkgutil, importlib
def refuse(*a, **k): raise AssertionError("network asked at import")
socket.socket.connect = refuse; socket.getaddrinfo = refuse
import handfast
for found in pkgutil.walk_packages(handfast.__path__, "handfast."):
    if "migrations" in found.name or found.name.endswith("__main__"): continue
    importlib.import_module(found.name)
from handfast.identity.normalise import business_domain
assert business_domain("anna@sales.kraus.co.uk") == "kraus.co.uk"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
