#!/usr/bin/env bash
# A small check of the dependency tree for machines without cargo-deny: sources, licenses and banned crates.
# It reads `deny.toml`, so that both checks hold to one list. Security advisories are not looked at here.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v python3 >/dev/null || { echo "dependencies.sh: no python3: install it, or cargo-deny" >&2; exit 1; }
# `cargo metadata` knows licenses and sources but lists crates that no chosen feature builds; `cargo tree` knows which
# are built.
tree="$(cargo tree --locked --all-features --target all --edges normal,build,dev --prefix none --format '{p}')"
cargo metadata --format-version 1 --locked --all-features 2>/dev/null | TREE="$tree" python3 -c '
import json, os, re, sys

settings = open("deny.toml").read()
words = lambda key: set(re.findall(r"\"([^\"]+)\"", re.search(r"(?ms)^%s = \[(.*?)^\]" % key, settings).group(1)))
allowed, banned = words("allow"), words("deny")
problems = []

def permitted(expression):
    """Whether a license expression can be met with allowed licenses alone."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    def any_of(i):
        ok, i = all_of(i)
        while i < len(tokens) and tokens[i] == "OR":
            right, i = all_of(i + 1)
            ok = ok or right
        return ok, i
    def all_of(i):
        ok, i = one(i)
        while i < len(tokens) and tokens[i] == "AND":
            right, i = one(i + 1)
            ok = ok and right
        return ok, i
    def one(i):
        if tokens[i] == "(":
            ok, i = any_of(i + 1)
            return ok, i + 1
        name, i = tokens[i], i + 1
        if i < len(tokens) and tokens[i] == "WITH":
            name, i = name + " WITH " + tokens[i + 1], i + 2
        return name in allowed, i
    return any_of(0)[0]

# The parser proves itself before it is believed.
assert all(permitted(t) for t in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR X) AND Apache-2.0"])
assert not any(permitted(t) for t in ["GPL-3.0", "MIT AND GPL-3.0", "X OR (MIT AND Y)"])

built = {tuple(line.split()[:2]) for line in os.environ["TREE"].splitlines() if line.strip()}
packages = [p for p in json.load(sys.stdin)["packages"] if (p["name"], "v" + p["version"]) in built]
if len(packages) < len(built):
    problems.append("%d crates are built but only %d described" % (len(built), len(packages)))
for package in packages:
    name = package["name"] + " " + package["version"]
    source = package["source"]
    if package["name"] in banned:
        problems.append(name + " is banned")
    if source is not None and not source.startswith("registry+"):
        problems.append(name + " comes from " + source + ", expected the package registry")
    if not package["license"] or not permitted(package["license"]):
        problems.append(name + " has the license " + str(package["license"]) + ", which deny.toml does not allow")
for problem in problems:
    print("dependencies.sh: " + problem, file=sys.stderr)
print("dependencies.sh: %d crates, %d problems; advisories were NOT checked (cargo-deny does that)" % (len(packages), len(problems)))
sys.exit(1 if problems else 0)
'
