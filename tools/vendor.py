"""Keep the browser files that come from elsewhere: check them offline, or fetch the pinned versions again.

    python tools/vendor.py --check     every file is the one the manifest names, every icon is there and used; needs no network
    python tools/vendor.py             fetch the pinned packages with `npm pack` and write the files, the manifest's sums and the notices

The manifest is `src/handfast/web/static/vendor/vendor.toml`. The files are checked in, so that an installation needs no node.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "src" / "handfast" / "web"
VENDOR = WEB / "static" / "vendor"
MANIFEST = VENDOR / "vendor.toml"
NOTICES = ROOT / "THIRD_PARTY.md"
BEGIN, END = "<!-- browser files: written by tools/vendor.py -->", "<!-- end of browser files -->"


def manifest() -> dict[str, Any]:
    return tomllib.loads(MANIFEST.read_text(encoding="utf-8"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def words_in_pages() -> set[str]:
    """Every quoted word of the templates and the web code: where an icon's name must occur to count as used."""
    text = "".join(p.read_text(encoding="utf-8") for p in [*WEB.rglob("*.html"), *WEB.rglob("*.py")])
    return set(re.findall(r"[\"']([a-z0-9-]+)[\"']", text))


def icons_asked_for() -> set[str]:
    """The icons that templates name outright, as in `icon("phone")`."""
    return {name for page in WEB.rglob("*.html") for name in re.findall(r"\bicon\(\"([a-z0-9-]+)\"", page.read_text(encoding="utf-8"))}


def problems() -> list[str]:
    """What is wrong, one line each: `file: what: why`."""
    known = manifest()
    listed = {entry["path"]: entry["sha256"] for entry in known["file"]} | {known["icons"]["path"]: known["icons"]["sha256"]}
    present = {p.name for p in VENDOR.iterdir() if p.is_file() and p.name != MANIFEST.name}
    found = [f"{name}: not in vendor.toml: every file from elsewhere is listed with its licence" for name in sorted(present - set(listed))]
    found += [f"{name}: missing: run python tools/vendor.py" for name in sorted(set(listed) - present)]
    found += [
        f"{name}: changed: its SHA-256 is not the one in vendor.toml"
        for name in sorted(present & set(listed))
        if sha256(VENDOR / name) != listed[name]
    ]
    names = set(known["icons"]["names"])
    found += [f"{name}: icon missing: add it to vendor.toml and run python tools/vendor.py" for name in sorted(icons_asked_for() - names)]
    found += [f"{name}: icon unused: take it out of vendor.toml" for name in sorted(names - words_in_pages())]
    if notice(known) not in NOTICES.read_text(encoding="utf-8"):
        found.append("THIRD_PARTY.md: out of date: run python tools/vendor.py")
    return found


def notice(known: dict[str, Any]) -> str:
    """The section of THIRD_PARTY.md about these files."""
    rows = sorted({(e["package"], e["version"], e["licence"]) for e in [*known["file"], known["icons"]]})
    lines = [BEGIN, "## Browser files", "", "| package | version | licence | files |", "| --- | --- | --- | --- |"]
    for package, version, licence in rows:
        files = [e["path"] for e in [*known["file"], known["icons"]] if e["package"] == package]
        lines.append(f"| {package} | {version} | {licence} | {', '.join(f'`{f}`' for f in files)} |")
    lines += ["", "They live in `src/handfast/web/static/vendor/`, each licence text beside them.", END]
    return "\n".join(lines)


def fetch(package: str, version: str, into: Path) -> Path:
    """Unpack one exact version; no install script runs."""
    out = subprocess.run(
        ["npm", "pack", "--silent", "--ignore-scripts", f"{package}@{version}"], cwd=into, check=True, capture_output=True, text=True
    )
    folder = into / out.stdout.split()[-1].removesuffix(".tgz")
    with tarfile.open(into / out.stdout.split()[-1]) as bundle:
        # What Python 3.11.4 and later can refuse: files outside the folder.
        bundle.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return folder / "package"


def sprite(source: Path, names: list[str]) -> str:
    """One SVG of symbols, in the order of the names."""
    symbols = []
    for name in sorted(names):
        svg = (source / "icons" / f"{name}.svg").read_text(encoding="utf-8")
        inner = " ".join(
            re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL).split("<svg", 1)[1].split(">", 1)[1].rsplit("</svg>", 1)[0].split()
        )
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{inner}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg"><!-- Lucide, ISC licence -->\n' + "\n".join(symbols) + "\n</svg>\n"


def refresh() -> None:
    known = manifest()
    text = MANIFEST.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        packages = {(e["package"], e["version"]) for e in [*known["file"], known["icons"]]}
        folders = {pair: fetch(*pair, Path(scratch)) for pair in sorted(packages)}
        for entry in known["file"]:
            (VENDOR / entry["path"]).write_bytes((folders[entry["package"], entry["version"]] / entry["from"]).read_bytes())
        icons = known["icons"]
        (VENDOR / icons["path"]).write_text(sprite(folders[icons["package"], icons["version"]], icons["names"]), encoding="utf-8")
    for entry in [*known["file"], known["icons"]]:
        pattern = re.compile(rf'(path = "{re.escape(entry["path"])}"\n(?:.*\n)*?sha256 = ")[0-9a-f]*(")')
        text = pattern.sub(rf"\g<1>{sha256(VENDOR / entry['path'])}\g<2>", text, count=1)
    MANIFEST.write_text(text, encoding="utf-8")
    write_notices()


def write_notices() -> None:
    text = NOTICES.read_text(encoding="utf-8")
    section = notice(manifest())
    text = (
        re.sub(re.escape(BEGIN) + r".*?" + re.escape(END), lambda _: section, text, flags=re.DOTALL)
        if BEGIN in text
        else f"{text.rstrip()}\n\n{section}\n"
    )
    NOTICES.write_text(text, encoding="utf-8")


def main(words: list[str]) -> int:
    if words == ["--check"]:
        found = problems()
        print("\n".join(found) or "Every vendored file is the one the manifest names.")
        return 1 if found else 0
    if words:
        print(__doc__)
        return 2
    refresh()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
