#!/usr/bin/env python3
"""Prints the paths whose GET Atlassian puts under a `manage:*` scope: what the proxy does not return by default.

    scripts/managed-paths.py swagger-v3.v3.json > shared/juncture/src/jira/proxy/managed-paths.txt

The file is https://developer.atlassian.com/cloud/jira/platform/swagger-v3.v3.json. Atlassian states the scopes of an
operation twice, and not always the same: either counts.
"""

import json
import sys


def scopes(operation):
    for requirement in operation.get("security", []):
        for needed in requirement.values():
            yield from needed
    for alternative in operation.get("x-atlassian-oauth2-scopes", []):
        yield from alternative["scopes"]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        paths = json.load(file)["paths"]
    for path in sorted(paths):
        if any(scope.startswith("manage:") for scope in scopes(paths[path].get("get", {}))):
            print(path)


if __name__ == "__main__":
    main()
