"""Files from elsewhere: each is the one the manifest names; no page needs another host."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

import handfast.web

ROOT = Path(__file__).parents[2]
WEB = Path(handfast.web.__file__).parent


def tool() -> object:
    spec = importlib.util.spec_from_file_location("vendor_tool", ROOT / "tools" / "vendor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_vendored_file_is_the_one_the_manifest_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert tool().main(["--check"]) == 0, capsys.readouterr().out


def test_a_changed_and_a_stray_file_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = tool()
    copy = tmp_path / "vendor"
    shutil.copytree(vendor.VENDOR, copy)
    monkeypatch.setattr(vendor, "VENDOR", copy)
    monkeypatch.setattr(vendor, "MANIFEST", copy / "vendor.toml")
    (copy / "htmx-4.0.1.min.js").write_text("alert(1)")
    (copy / "more.js").write_text("")
    found = vendor.problems()
    assert any(line.startswith("htmx-4.0.1.min.js: changed") for line in found)
    assert any(line.startswith("more.js: not in vendor.toml") for line in found)


OURS = [*WEB.joinpath("templates").glob("*.html"), *WEB.joinpath("static", "js").glob("*.js"), *WEB.joinpath("static", "css").glob("*.css")]


@pytest.mark.parametrize("path", OURS, ids=lambda p: p.name)
def test_nothing_of_ours_names_another_host(path: Path) -> None:
    """Addresses of other hosts: none but the names of XML vocabularies, which nobody fetches."""
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}[^\s\"']*", text) == []


@pytest.mark.parametrize("path", [p for p in OURS if p.suffix == ".html"], ids=lambda p: p.name)
def test_templates_hold_no_script_and_nothing_that_needs_eval(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"\shx-on[:a-z-]*=|\son[a-z]+=|['\"]js:|hx-trigger=\"[^\"]*\[", text) == []
