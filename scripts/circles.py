#!/usr/bin/env python3
"""Fails if modules of a crate import each other in a cycle. Cargo already rejects cycles between crates.

A module is a file. It depends on the files that define what it imports: `use crate::connections::ConnectionKey` is
traced through the `pub use` in `connections/mod.rs` to `connections/key.rs`. A module does not depend on the children
that it only re-exports. Tests are ignored.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
USE = re.compile(r"^\s*(pub(?:\([^)]*\))? )?use ([^;]+);", re.MULTILINE)
INLINE = re.compile(r"(?<![\w:.])([a-z]\w*(?:::\w+)+)")
PATH = re.compile(r"\b(crate|super)((?:::\w+)+)")


def without_tests(text: str) -> str:
    text = re.sub(r"//[^\n]*", "", text)
    for marker in re.finditer(r"#\[cfg\(test\)\]\s*(?:pub(?:\([^)]*\))? )?mod (\w+)( \{)?", text):
        if marker.group(2):
            return text[: marker.start()]
    return text


def expand(path: str) -> list[list[str]]:
    """Expands `a::{b, c::{d as e}}` to a list of paths."""
    path = path.strip()
    if "{" not in path:
        return [[part.strip().split(" as ")[0] for part in path.split("::") if part.strip()]]
    head, rest = path.split("{", 1)
    inner, depth, start, parts = rest.rsplit("}", 1)[0], 0, 0, []
    for place, letter in enumerate(inner):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(inner[start:place])
            start = place + 1
    parts.append(inner[start:])
    before = [part.strip() for part in head.split("::") if part.strip()]
    return [before + tail for part in parts if part.strip() for tail in expand(part)]


class Crate:
    def __init__(self, source: Path):
        self.files: dict[tuple[str, ...], Path] = {}
        for file in sorted(source.rglob("*.rs")):
            name = file.relative_to(source).with_suffix("").parts
            module = name[:-1] if name[-1] in ("mod", "lib", "main") else name
            if "tests" not in module:
                self.files[module] = file
        self.text = {module: without_tests(file.read_text()) for module, file in self.files.items()}
        self.exports = {module: self.exported(module) for module in self.files}

    def absolute(self, module: tuple[str, ...], path: list[str]) -> tuple[str, ...] | None:
        """Resolves a path to one from the crate root; None for a path into another crate."""
        if path[0] == "crate":
            return tuple(path[1:])
        if path[0] == "self":
            return module + tuple(path[1:])
        if path[0] == "super":
            while path and path[0] == "super":
                module, path = module[:-1], path[1:]
            return module + tuple(path)
        return module + tuple(path) if module + (path[0],) in self.files else None

    def exported(self, module: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        names = {}
        for public, paths in USE.findall(self.text[module]):
            for path in expand(paths) if public else []:
                target = self.absolute(module, path)
                if target is not None:
                    names[target[-1]] = target
        return names

    def defined_in(self, path: tuple[str, ...]) -> tuple[str, ...] | None:
        """The module whose file defines the item at a path."""
        for _ in range(10):
            module = path
            while module not in self.files:
                module = module[:-1]
            rest = path[len(module) :]
            if not rest or rest[0] not in self.exports[module]:
                return module
            path = self.exports[module][rest[0]] + rest[1:]
        return None

    def imports(self, module: tuple[str, ...]) -> set[tuple[str, ...]]:
        text, found = self.text[module], set()
        paths = []
        for public, used in USE.findall(text):
            paths += [path for path in expand(used) if not public]
        code = re.sub(r"\bpub\([^)]*\)", "pub", USE.sub("", text))
        for first, rest in PATH.findall(code):
            paths.append([first, *rest.strip(":").split("::")])
        paths += [path.split("::") for path in INLINE.findall(code) if module + (path.split("::")[0],) in self.files]
        for path in paths:
            target = self.absolute(module, path)
            if target:
                found.add(self.defined_in(target))
        return {target for target in found if target is not None and target != module}

    def circles(self) -> list[list[tuple[str, ...]]]:
        """The strongly connected components with more than one module (Tarjan)."""
        graph = {module: self.imports(module) for module in self.files}
        index: dict[tuple[str, ...], int] = {}
        low: dict[tuple[str, ...], int] = {}
        stack: list[tuple[str, ...]] = []
        circles = []

        def visit(module: tuple[str, ...]) -> None:
            index[module] = low[module] = len(index)
            stack.append(module)
            for target in sorted(graph[module]):
                if target not in index:
                    visit(target)
                    low[module] = min(low[module], low[target])
                elif target in stack:
                    low[module] = min(low[module], index[target])
            if low[module] == index[module]:
                circle = []
                while not circle or circle[-1] != module:
                    circle.append(stack.pop())
                if len(circle) > 1:
                    circles.append(sorted(circle))

        for module in sorted(graph):
            if module not in index:
                visit(module)
        self.graph = graph
        return circles


def main() -> int:
    sources = sorted({file.parent / "src" for file in ROOT.glob("**/Cargo.toml") if (file.parent / "src/lib.rs").exists()})
    sources = [source for source in sources if "target" not in source.parts and ".local" not in source.parts]
    failed = False
    for source in sources:
        crate = Crate(source)
        for circle in crate.circles():
            failed = True
            print(f"{source.relative_to(ROOT)}: these modules import each other:")
            for module in circle:
                inside = sorted("::".join(target) or "(top)" for target in crate.graph[module] if target in circle)
                print(f"  {'::'.join(module) or '(top)'} imports {', '.join(inside)}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
