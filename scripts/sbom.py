"""Writes the release's bill of materials to dist/: `sbom.py <folder> <processor>`. It is derived from the one that
cargo-cyclonedx wrote in the folder for the functions' package, and validated against CycloneDX's schema."""

import hashlib
import json
import sys
import tomllib
import uuid
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[1]


def named(text: str, folder: Path) -> dict:
    """Parses a bill, identifying our own crates by their path in the repository instead of on this machine."""
    return json.loads(text.replace(f"path+file://{folder}/", "juncture/"))


def own(component: dict) -> dict:
    """One of our own crates, without a package URL: its name may belong to another crate on crates.io."""
    kept = {key: component[key] for key in ("type", "bom-ref", "name", "version", "licenses")}
    return kept | {"description": component["description"]} if "description" in component else kept


def functions_of(package: dict) -> list[dict]:
    """The package's binaries. Cargo only knows the dependencies of all of them together; each uses those or fewer."""
    folder = package["bom-ref"].partition("#")[0]
    return [
        {
            "type": "application",
            "bom-ref": f"{folder}/{binary['name']}#{binary['version']}",
            "name": binary["name"],
            "version": binary["version"],
            "licenses": package["licenses"],
        }
        for binary in package["components"]
    ]


def of_release(bill: dict) -> dict:
    """The bill of the release: its components are the functions and their dependencies."""
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    release = f"juncture@{version}"
    package = bill["metadata"]["component"]
    functions = functions_of(package)
    dependencies = {dependency["ref"]: sorted(dependency.get("dependsOn", [])) for dependency in bill["dependencies"]}
    dependencies[release] = sorted(function["bom-ref"] for function in functions)
    dependencies |= {function["bom-ref"]: [package["bom-ref"]] for function in functions}
    components = {function["bom-ref"]: function for function in functions}
    for component in [package | {"type": "library"}, *bill["components"]]:
        is_own = component["bom-ref"].startswith("juncture/")
        components[component["bom-ref"]] = own(component) if is_own else component
    metadata = bill["metadata"] | {
        "component": {
            "type": "application",
            "bom-ref": release,
            "name": "juncture",
            "version": version,
            "licenses": [{"expression": "Apache-2.0"}],
        }
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": metadata,
        "components": [components[name] for name in sorted(components)],
        "dependencies": [{"ref": ref, "dependsOn": dependencies[ref]} for ref in sorted(dependencies)],
    }


def main() -> None:
    folder, processor = Path(sys.argv[1]).resolve(), sys.argv[2]
    (file,) = folder.glob("functions/*.cdx.json")
    package = named(file.read_text(), folder)
    bill = of_release(package)
    for component in bill["components"]:
        name = component["bom-ref"]
        if not component.get("licenses") or not (component.get("hashes") or name.startswith("juncture/")):
            sys.exit(f"{name} has no licence or no hash")
    digest = hashlib.sha256(json.dumps(bill).encode()).hexdigest()
    bill["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, digest).urn
    text = json.dumps(bill, indent=1) + "\n"
    if str(folder) in text:
        sys.exit("the bill contains a path of this machine")
    if problem := JsonStrictValidator(SchemaVersion.V1_5).validate_str(text):
        sys.exit(f"the bill violates CycloneDX's schema: {problem}")
    target = ROOT / "dist" / f"juncture-{bill['metadata']['component']['version']}-{processor}.cdx.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text)
    count = len(functions_of(package["metadata"]["component"]))
    print(f"{target.relative_to(ROOT)}: {count} functions of {len(bill['components']) - count} crates")


main()
