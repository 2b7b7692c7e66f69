"""Half of the requests are about things that exist: a made-up id only ever finds that there is nothing. In a scenario,
which follows the links from call to call, all are, and what an answer gave is sent on as it came."""

import collections
import json
import os
import random

import schemathesis
from schemathesis.core import NOT_SET

# By the name of a parameter or a field: values that exist. Those at the same place of two lists belong together.
KNOWN = json.loads(os.environ["JUNCTURE_TEST_KNOWN"])
RANDOM = random.Random(1)

# The operations that would end or limit the connection of everyone else, and whose connection they are about instead.
PEOPLE = {
    ("DELETE", "connection"): "expendable",
    ("POST", "set-allowed-projects"): "limited",
    ("GET", "get-allowed-projects"): "limited",
}

# Optional, but they say what a call is about.
WANTED = {"external_id", "provider", "jira_project_id", "issue_id_or_key", "file_name"}

# What the calls of scenarios sent and received.
GIVEN = set()

# By operation: what the links of the document give it.
LINKED = collections.defaultdict(set)


@schemathesis.hook
def after_load_schema(context, schema):
    find_links(schema.raw_schema)


def find_links(node):
    if isinstance(node, dict):
        for link in node["links"].values() if isinstance(node.get("links"), dict) else ():
            # A schema may have a property "links".
            if isinstance(link, dict) and "operationId" in link:
                gives = {**link.get("parameters", {}), **link.get("requestBody", {})}
                LINKED[link["operationId"]] |= gives.keys()
                GIVEN.update(value for value in gives.values() if isinstance(value, str) and not value.startswith("$"))
    for inside in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        find_links(inside)


def is_in_scenario(case):
    return case.meta is not None and case.meta.phase.name.value == "stateful"


@schemathesis.hook
def before_call(context, case, kwargs):
    in_scenario = is_in_scenario(case)
    people = PEOPLE.get((case.method, case.operation.path.rpartition("/")[2]))
    spare(case, people)
    if not in_scenario and RANDOM.random() < 0.5:
        return
    place = RANDOM.randrange(1000)
    known = KNOWN
    if people:
        known = {**KNOWN, "external_id": KNOWN[people]}
    elif case.operation.path.endswith("/select-project"):
        # It takes no key.
        known = {**KNOWN, "jira_project_id": KNOWN["jira_project_id"][:1]}
    linked = LINKED[case.operation.definition.raw["operationId"]] if in_scenario else KNOWN.keys()
    if in_scenario:
        # So that a list has a second part, which the link asks for with the same parameters.
        known = {**known, "limit": [1]}
        reduce(case, linked)
    if hasattr(case.query, "keys") and case.query.get("error") not in (None, "access_denied"):
        # An error of the provider's is a 502, for whoever has a state that lives.
        known = {name: values for name, values in known.items() if name != "state"}
    if "Idempotency-Key" in (case.headers or ()):
        # Of the examples' keys, only the first request with each would be served.
        case.headers["Idempotency-Key"] = f"key-{RANDOM.random()}"
    for container in (case.path_parameters, case.query, case.headers, case.body):
        if hasattr(container, "keys"):
            for name in known.keys() & container.keys():
                if name == "external_id" or name not in linked or str(container[name]) not in GIVEN:
                    container[name] = known[name][place % len(known[name])]


def spare(case, people):
    """Keeps the connection of everyone else, which schemathesis finds in earlier answers."""
    for container in (case.query, case.body):
        if people and hasattr(container, "keys") and container.get("external_id") in KNOWN["external_id"]:
            container["external_id"] = RANDOM.choice(KNOWN[people])


def reduce(case, linked):
    """Leaves out what is optional and made up: it is what most writes are refused for, and a refusal leads nowhere."""
    if case.method == "DELETE" and case.query:
        # The link gave the query.
        case.body = NOT_SET
    if hasattr(case.query, "keys"):
        for name in {it.name for it in case.operation.query} & (WANTED | {"limit"}):
            case.query.setdefault(name, None)
    for container, required in (
        (case.query, {it.name for it in case.operation.query if it.is_required} | {"limit"}),
        (case.headers, {it.name for it in case.operation.headers if it.is_required} | {"Authorization"}),
        (case.body, required_fields(case)),
    ):
        if hasattr(container, "keys"):
            for name in container.keys() - required - WANTED:
                if name not in linked or str(container[name]) not in GIVEN:
                    del container[name]


def required_fields(case):
    for body in case.operation.body:
        if body.media_type == case.media_type and isinstance(body.optimized_schema, dict):
            return set(body.optimized_schema.get("required", []))
    return set()


@schemathesis.hook
def after_call(context, case, response):
    if is_in_scenario(case) and response.status_code < 300:
        for container in (case.query, case.body):
            if hasattr(container, "keys"):
                gather([container[name] for name in KNOWN.keys() & container.keys()])
        if b"{" in response.content[:1]:
            gather(response.json())


def gather(value):
    if isinstance(value, dict | list):
        for inside in value.values() if isinstance(value, dict) else value:
            gather(inside)
    elif value is not None:
        GIVEN.add(str(value))
