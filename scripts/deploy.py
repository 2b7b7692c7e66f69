"""Deploys built artifacts to one stage: `deploy.py staging`, in a folder with `samconfig.toml` and `.aws-sam/build`.
`deploy.py staging --architecture` only prints the architecture that the stage's functions must be built for, and
`deploy.py staging --smoke PROGRAM …` runs the smoke test.

This wraps `sam deploy`: a first deployment that fails is not rolled back, because CloudFormation would delete the log
with the cause; and after a failure, the reason is printed, together with the migrator's log.
"""

import datetime
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import tomlkit
from botocore.exceptions import BotoCoreError, ClientError
from samcli.cli.types import CfnParameterOverridesType

# SAM's own parser, because parameter_overrides has several forms in samconfig.toml.
OVERRIDES = CfnParameterOverridesType()

# The processor of a program, by its machine number in ELF.
PROCESSORS = {0x3E: "x86_64", 0xB7: "arm64"}
# In these states a stack does not exist or has never served requests.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
NOT_MADE_YET = (None, "REVIEW_IN_PROGRESS", "CREATE_FAILED")
# In these states a stack can only be deleted.
TO_BE_REMOVED = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")


def settings_of(stage: str) -> dict:
    """The `sam deploy` parameters of a stage in samconfig.toml, together with our own."""
    config = tomlkit.parse(Path("samconfig.toml").read_text()).unwrap()
    stages = {}
    for name, commands in config.items():
        if isinstance(commands, dict) and "stack_name" in commands.get("deploy", {}).get("parameters", {}):
            # The section of the command takes precedence over that of all commands, as for SAM.
            sections = (commands.get(command, {}).get("parameters", {}) for command in ("global", "deploy", "juncture"))
            stages[name] = {key: value for section in sections for key, value in section.items()}
    if stage not in stages:
        sys.exit(f"Which stage? make deploy STAGE=…, one of: {', '.join(stages)} (samconfig.toml)")
    return stages[stage]


def parameter(settings: dict, name: str, default: str) -> str:
    """The value of a template parameter for a stage."""
    return OVERRIDES.convert(settings.get("parameter_overrides", []), None, None).get(name, default)


def architecture_of(settings: dict) -> str:
    """The architecture of a stage's functions."""
    return parameter(settings, "Architecture", "arm64")


def check_architecture(settings: dict) -> None:
    """Fails if the functions were built for another architecture; CloudFormation would only report that the migrator
    did not respond."""
    program = Path(".aws-sam/build/Migrate/bootstrap").read_bytes()[:20]
    built = PROCESSORS.get(int.from_bytes(program[18:20], "little"), "something else")
    wanted = architecture_of(settings)
    if program[:4] == b"\x7fELF" and built != wanted:
        sys.exit(
            f"The functions are built for {built}, and the stage's parameter Architecture is {wanted}: build for "
            f"{wanted}, or set Architecture={built} in parameter_overrides of samconfig.toml"
        )


def status_of(cloudformation, stack: str) -> str | None:
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def events_of(cloudformation, stack: str):
    """The events of a stack, newest first."""
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack):
        yield from page["StackEvents"]


def failures(cloudformation, stack: str, last: str | None):
    """The failures since an event, oldest first, each with its reason."""
    recent = list(itertools.takewhile(lambda event: event["EventId"] != last, events_of(cloudformation, stack)))
    for event in reversed(recent):
        reason = event.get("ResourceStatusReason", "")
        # Skips resources that were only cancelled because another one failed.
        if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
            yield f"  {event['LogicalResourceId']} ({event['ResourceType']}): {reason}"


def log_of_the_migrator(session, cloudformation, stack: str, since: datetime.datetime):
    """The errors that the migrator logged, if it ran."""
    described = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="FunctionLogs")
    group = described["StackResourceDetail"]["PhysicalResourceId"]
    lines = session.client("logs").filter_log_events(logGroupName=group, startTime=int(since.timestamp() * 1000))
    for event in lines["events"]:
        try:
            line = json.loads(event["message"])
        except ValueError:
            continue
        # Only the migrator logs a CloudFormation request type.
        if line.get("level") == "ERROR" and "request_type" in line:
            yield f"  {line.get('message')}: {line.get('cause', '')}"


def explain(session, stack: str, since: datetime.datetime, last: str | None) -> None:
    """Prints why a deployment failed that started at `since`, after the event `last`."""
    cloudformation = session.client("cloudformation")
    status = status_of(cloudformation, stack)
    print(f"\nThe deployment failed; the stack {stack} is {status}.", file=sys.stderr)
    for line in failures(cloudformation, stack, last):
        print(line, file=sys.stderr)
    try:
        lines = list(log_of_the_migrator(session, cloudformation, stack, since))
    except ClientError:
        # The log group was not created, or is already deleted.
        lines = []
    if lines:
        print("The migrator's log:", *lines, sep="\n", file=sys.stderr)
    remove = f"sam delete --stack-name {stack} --region {session.region_name}"
    if status == "CREATE_FAILED":
        print(f"Fix the cause and deploy again, or delete what was created: {remove}", file=sys.stderr)
    elif status in TO_BE_REMOVED:
        print(f"Delete it and deploy again: {remove}", file=sys.stderr)
    elif status == "UPDATE_ROLLBACK_FAILED":
        print("The way out is in docs/deploy.md, under \"When a deployment fails\".", file=sys.stderr)
    elif status == "UPDATE_ROLLBACK_COMPLETE":
        print("The former version serves. Fix the cause and deploy again.", file=sys.stderr)


def smoke(session, cloudformation, settings: dict, program: list) -> int:
    """Runs the smoke test with a stage's URL, key and origin."""
    (stack,) = cloudformation.describe_stacks(StackName=settings["stack_name"])["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    origin = parameter(settings, "CorsAllowedOrigins", "http://localhost:3000").split(",")[0]
    secret = parameter(settings, "JunctureSecretsId", "")
    # A secret given by ARN may be in another region, which is part of the ARN.
    region = secret.split(":")[3] if secret.startswith("arn:") else session.region_name
    value = session.client("secretsmanager", region_name=region).get_secret_value(SecretId=secret)["SecretString"]
    # During a rotation the new key comes first. If the secret holds only its digest, KEY=… gives the key.
    key = json.loads(value).get("JUNCTURE_SECRET_KEY", "").split(",")[0].strip()
    key = key or os.environ.get("JUNCTURE_SECRET_KEY", "")
    command = [*program, "smoke", "--api", outputs["ApiUrl"], "--origin", origin]
    return subprocess.run(command, env={**os.environ, "JUNCTURE_SECRET_KEY": key}).returncode


def main(stage: str, *options: str) -> int:
    settings = settings_of(stage)
    if options == ("--architecture",):
        print(architecture_of(settings))
        return 0
    stack = settings["stack_name"]
    # The stage's region, or else AWS_REGION, which neither SAM nor boto3 reads, or else the profile's.
    region = settings.get("region") or os.environ.get("AWS_REGION")
    session = boto3.Session(region_name=region, profile_name=settings.get("profile"))
    if not session.region_name:
        sys.exit(f"No AWS region: set AWS_REGION, or region = \"…\" in [{stage}.deploy.parameters] of samconfig.toml")
    cloudformation = session.client("cloudformation")
    if options[:1] == ("--smoke",):
        return smoke(session, cloudformation, settings, list(options[1:]))
    check_architecture(settings)
    status = status_of(cloudformation, stack)
    if status in TO_BE_REMOVED:
        sys.exit(
            f"The stack {stack} is {status}, and CloudFormation can only delete it:\n"
            f"  sam delete --stack-name {stack} --region {session.region_name}"
        )
    since = datetime.datetime.now(datetime.timezone.utc)
    last = next(events_of(cloudformation, stack))["EventId"] if status else None
    # Not `--on-failure DO_NOTHING`: `sam deploy` accepts the option, but rolls back all the same (1.170).
    keep = ["--disable-rollback"] if status in NOT_MADE_YET else []
    # In CI nobody can confirm the change set; the run was approved beforehand.
    quiet = ["--no-confirm-changeset"] if os.environ.get("CI") == "true" else []
    code = subprocess.run(["sam", "deploy", "--config-env", stage, "--region", session.region_name, *keep, *quiet]).returncode
    if code:
        explain(session, stack, since, last)
    elif settings.get("termination_protection"):
        cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=True)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main(*(sys.argv[1:] or [""])))
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"AWS: {error}")
