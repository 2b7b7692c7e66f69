"""Half of the requests are about things that exist: a made-up id only ever finds that there is nothing. In a scenario,
which follows the links from call to call, all are, and what an answer gave is sent on as it came."""

import json
import os
import random

import schemathesis

# By the name of a parameter or a field: values that exist. Those at the same place of two lists belong together.
KNOWN = json.loads(os.environ["JUNCTURE_TEST_KNOWN"])
RANDOM = random.Random(1)

# With a filter, a list is mostly empty, and an empty list leads nowhere.
FILTERS = {"status", "status_category", "assignee_account_id", "updated_since", "labels", "text"}

# What the answers within scenarios gave.
GIVEN = set()


def is_in_scenario(case):
    return case.meta is not None and case.meta.phase.name.value == "stateful"


@schemathesis.hook
def before_call(context, case, kwargs):
    in_scenario = is_in_scenario(case)
    if not in_scenario and RANDOM.random() < 0.5:
        return
    place = RANDOM.randrange(1000)
    known = KNOWN
    if case.operation.path.endswith("/connection"):
        # What is removed is missed by the others.
        known = {**KNOWN, "external_id": KNOWN["expendable"]}
    elif in_scenario:
        # So that a list has a second part, which the link asks for with the same parameters.
        known = {**KNOWN, "limit": [1]}
        if hasattr(case.query, "keys"):
            for name in FILTERS & case.query.keys():
                del case.query[name]
            for name in {"jira_project_id", "limit"} & {it.name for it in case.operation.query}:
                case.query.setdefault(name, None)
    if hasattr(case.query, "keys") and case.query.get("error") not in (None, "access_denied"):
        # An error of the provider's is a 502, for whoever has a state that lives.
        known = {name: values for name, values in known.items() if name != "state"}
    for container in (case.path_parameters, case.query, case.headers, case.body):
        if hasattr(container, "keys"):
            for name in known.keys() & container.keys():
                if name == "external_id" or str(container[name]) not in GIVEN:
                    container[name] = known[name][place % len(known[name])]


@schemathesis.hook
def after_call(context, case, response):
    if is_in_scenario(case) and response.status_code < 300 and b"{" in response.content[:1]:
        gather(response.json())


def gather(value):
    if isinstance(value, dict | list):
        for inside in value.values() if isinstance(value, dict) else value:
            gather(inside)
    elif value is not None:
        GIVEN.add(str(value))
