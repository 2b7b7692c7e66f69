"""Half of the requests are about things that exist: a made-up id only ever finds that there is nothing."""

import json
import os
import random

import schemathesis

# By the name of a parameter or a field: values that exist. Those at the same place of two lists belong together.
KNOWN = json.loads(os.environ["JUNCTURE_TEST_KNOWN"])
RANDOM = random.Random(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    if RANDOM.random() < 0.5:
        return
    place = RANDOM.randrange(1000)
    known = KNOWN
    if case.operation.path.endswith("/connection"):
        # What is removed is missed by the others.
        known = {**KNOWN, "external_id": KNOWN["expendable"]}
    for container in (case.path_parameters, case.query, case.body):
        if hasattr(container, "keys"):
            for name in known.keys() & container.keys():
                container[name] = known[name][place % len(known[name])]
