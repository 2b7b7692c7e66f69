"""Prints the CloudFormation template that SAM makes of template.yaml, as JSON.

CloudFormation does this itself when the stack is deployed; here it is done so that the outcome can be checked.
Neither credentials nor the network are needed.
"""

import json
import os
import sys
from pathlib import Path

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

# What the translator asks IAM for is answered by the names themselves.
MANAGED_POLICIES = {
    name: f"arn:aws:iam::aws:policy/{name}"
    for name in ("AWSLambdaBasicExecutionRole", "AWSXRayDaemonWriteAccess")
}


class ManagedPolicies:
    """Stands in for the loader that reads the account's managed policies."""

    def load(self):
        return MANAGED_POLICIES


def transformed(path: Path) -> dict:
    template = yaml_parse(path.read_text())
    # In a deployment `sam package` puts the address of the upload here.
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": "artifacts", "Key": resource["Properties"]["CodeUri"]}
    # CloudFormation hands lists over as lists.
    lists = {
        name: parameter["Default"].split(",")
        for name, parameter in template["Parameters"].items()
        if parameter["Type"] == "CommaDelimitedList"
    }
    # Any region will do: it stays a reference in the outcome.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    return transform(template, lists, ManagedPolicies())


if __name__ == "__main__":
    json.dump(transformed(Path(sys.argv[1])), sys.stdout, indent=2)
