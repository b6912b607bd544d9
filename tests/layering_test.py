#!/usr/bin/env python3
"""Refuses every #include that points up, sideways or out of the allowed edges, and files that
outgrow the house. The table is the drawing in README.md; change both together.

    tests/layering_test.py        one line per violation; exit status 1 if there is any
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# folder -> folders it may include (itself is always allowed)
BASE = {"tunnel/base"}
LOOP = BASE | {"tunnel/loop"}
ALLOWED = {
    "tunnel/base": set(),
    "tunnel/settings": BASE,
    "tunnel/loop": BASE,
    "tunnel/crypto": BASE,
    "tunnel/restart": BASE,
    "tunnel/exchange": LOOP | {"tunnel/crypto"},
    "tunnel/carrier": LOOP | {"tunnel/crypto", "tunnel/exchange"},
    "tunnel/proxies": LOOP,
    "tunnel/mux": BASE,
    "tunnel/control": BASE,
    "tunnel/punch": BASE | {"tunnel/control"},
    "tunnel/quic": LOOP | {"tunnel/crypto"},
    "tunnel/path": BASE | {"tunnel/crypto", "tunnel/control"},
    "tunnel/stun": BASE,
    "tunnel/portmap": LOOP,
    "tunnel/session": LOOP | {"tunnel/crypto", "tunnel/mux", "tunnel/control"},
    "tunnel/flow": LOOP | {"tunnel/mux", "tunnel/session", "tunnel/restart"},
    "resolver": LOOP,
    "shim": set(),
}
TUNNEL = {folder for folder in ALLOWED if folder.startswith("tunnel/")}
ALLOWED["agent"] = TUNNEL | {"resolver"}
ALLOWED["service"] = TUNNEL | {"resolver"}

# single headers that may be included besides
ALLOWED_HEADERS = {"agent": {"shim/wire.h"}, "tests": {"shim/wire.h"}}

# libraries that may be seen only by the files named here (they are slow to parse, or one file is
# to know them), and what the shim must never see
ONLY_IN = {
    r"^toml\+\+|^toml\.hpp": r"^tunnel/settings/|_toml\.cc$",
    r"^tunnel/settings/": r"^tunnel/settings/|_toml\.cc$",  # brings toml++ along
    r"^cxxopts": r"(options\.cc|_command\.cc|main\.cc|given_text\.h)$",
    r"^nlohmann/": r"(status|json)[a-z_]*\.cc$",
    r"^mbedtls/": r"^tunnel/carrier/(tls_|digests)",
    r"^ngtcp2/|^gnutls/": r"^tunnel/quic/(connection_|psk_tls|connection\.cc)",
    r"^sqlite3": r"^service/store_sqlite",
    r"^ares": r"^resolver/dns_",
    r"^duktape": r"^tunnel/proxies/pac_engine",
    r"^seccomp": r"^tunnel/proxies/pac_sandbox|^tests/apps/probes/sandboxed",
    r"^miniupnpc/": r"^tunnel/portmap/igd_client",
    r"^gssapi": r"^agent/ticket_main",
    r"^curl/": r"^tunnel/proxies/pac_fetch",
    r"^intel-ipsec-mb": r"^tunnel/crypto/aead_ipsec_mb",
    r"^uv\.h": r"^(tunnel/loop|tests)/",
    r"^systemd/": r"readiness\.cc$|^tunnel/restart/",
}
MAX_LINES = 400
MAX_MEDIAN = 120
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def folder_of(path: str) -> str:
    parts = path.split("/")
    if parts[0] == "tunnel" and len(parts) > 2:
        return "/".join(parts[:2])
    return parts[0]


def check_include(path: str, quote: str, header: str) -> str | None:
    folder = folder_of(path)
    for library, place in ONLY_IN.items():
        if re.search(library, header) and not re.search(place, path):
            return f"{header} may be seen only by files matching {place}"
    if quote == "<":
        if folder == "shim" and not header.endswith(".h"):
            return f"<{header}> is of the C++ library: the shim may use libc alone"
        return None
    if folder == "tests" and ((ROOT / path).parent / header).exists():
        return None  # small programs beside each other
    if not (ROOT / header).exists():
        return f'"{header}" is not written from the root of the project'
    target = folder_of(header)
    if target == folder or header in ALLOWED_HEADERS.get(folder, ()):
        return None
    if folder == "tests":
        return f'"{header}" is out of bounds for tests' if target == "shim" else None
    if target not in ALLOWED.get(folder, ()):
        return f"{folder}/ may not include {target}/ ({header})"
    return None


def find_cycle(edges: dict[str, set[str]]) -> list[str]:
    """Some cycle of the graph, as the nodes on the way, or nothing."""
    done: set[str] = set()

    def visit(node: str, trail: list[str]) -> list[str]:
        if node in trail:
            return trail[trail.index(node):] + [node]
        if node in done:
            return []
        for below in sorted(edges.get(node, ())):
            if found := visit(below, trail + [node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(edges) if (found := visit(node, []))), [])


def is_script(file: pathlib.Path) -> bool:
    return file.is_file() and file.suffix == "" and file.read_bytes()[:2] == b"#!"


def project_files() -> list[pathlib.Path]:
    trees = [p for top in ("shim", "tunnel", "resolver", "agent", "service", "tests", "tools", ".ci")
             for p in sorted((ROOT / top).rglob("*"))]
    return [p for p in [*trees, ROOT / "quickstart", ROOT / "run-tests"]
            if p.suffix in (".h", ".cc", ".c", ".py", ".js") or is_script(p)]


def check_file(path: str, lines: list[str], edges: dict[str, set[str]]):
    if len(lines) > MAX_LINES:
        yield f"{path}: {len(lines)} lines; split it (at most {MAX_LINES})"
    if path.endswith(".h") and not (lines and lines[0].startswith(("//", "/*"))):
        yield f"{path}:1: a header begins by saying what it is"
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line) and path != "tests/layering_test.py":
            yield f"{path}:{number}: unfinished work is not landed"
        if not path.endswith((".h", ".cc", ".c")) or not (match := INCLUDE.match(line)):
            continue
        if match[1] == '"':
            edges.setdefault(path, set()).add(match[2])
        if problem := check_include(path, match[1], match[2]):
            yield f"{path}:{number}: {problem}"


def main() -> int:
    violations, edges = [], {}
    files = {p.relative_to(ROOT).as_posix(): p.read_text().splitlines() for p in project_files()}
    for path, lines in files.items():
        violations += check_file(path, lines, edges)
    for what, graph in (("the table of folders", ALLOWED), ("the includes", edges)):
        if cycle := find_cycle(graph):
            violations.append(f"a cycle in {what}: " + " -> ".join(cycle))
    lengths = sorted(len(lines) for path, lines in files.items()
                     if path.endswith((".h", ".cc")) and not path.startswith("tests/"))
    median = lengths[len(lengths) // 2] if lengths else 0
    if median > MAX_MEDIAN:
        violations.append(f"the median file has {median} lines; aim at {MAX_MEDIAN} or less")
    for violation in violations:
        print(violation)
    print(f"{len(files)} files, median {median} lines, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
