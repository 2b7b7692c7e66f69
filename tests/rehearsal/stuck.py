"""A migrator that fails whatever it is asked, the rollback too: the bootstrap of a function."""

import json
import os
import urllib.request

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"


def send(method: str, url: str, body: dict | None) -> None:
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), method=method)).close()


while True:
    with urllib.request.urlopen(f"{API}/next") as invocation:
        event, request_id = json.load(invocation), invocation.headers["Lambda-Runtime-Aws-Request-Id"]
    send("PUT", event["ResponseURL"], {
        "Status": "FAILED",
        "Reason": "stuck",
        "PhysicalResourceId": event.get("PhysicalResourceId", "juncture-migrations"),
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    })
    send("POST", f"{API}/{request_id}/response", None)
