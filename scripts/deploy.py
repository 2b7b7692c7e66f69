"""Deploys one stage from what is built: `deploy.py staging`, in a folder with `samconfig.toml` and `.aws-sam/build`.
`deploy.py staging --architecture` only says what the stage's functions are to be built for, and `deploy.py staging --smoke
PROGRAM …` asks the deployment how it is.

`sam deploy` does the work. Around it: a first deployment that fails is left as it is, because CloudFormation would
remove the log that says why; and when one fails, the reason is printed, with the migrator's own words.
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

# Whatever form they have in samconfig.toml, SAM reads them.
OVERRIDES = CfnParameterOverridesType()

# What processor a program is for, as ELF numbers them.
PROCESSORS = {0x3E: "x86_64", 0xB7: "arm64"}
# A stack in one of these was never there, or not for long enough to serve.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
NOT_MADE_YET = (None, "REVIEW_IN_PROGRESS", "CREATE_FAILED")
# Nothing can be done with these but to remove them.
TO_BE_REMOVED = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")


def settings_of(stage: str) -> dict:
    """The parameters of `sam deploy` for a stage, as samconfig.toml has them, and those of ours."""
    config = tomlkit.parse(Path("samconfig.toml").read_text()).unwrap()
    stages = {}
    for name, commands in config.items():
        if isinstance(commands, dict) and "stack_name" in commands.get("deploy", {}).get("parameters", {}):
            # A section of the command comes before the one of all commands, as for SAM.
            sections = (commands.get(command, {}).get("parameters", {}) for command in ("global", "deploy", "juncture"))
            stages[name] = {key: value for section in sections for key, value in section.items()}
    if stage not in stages:
        sys.exit(f"Say which stage: make deploy STAGE=…, one of: {', '.join(stages)} (samconfig.toml)")
    return stages[stage]


def parameter(settings: dict, name: str, default: str) -> str:
    """The value of a parameter of the template for a stage."""
    return OVERRIDES.convert(settings.get("parameter_overrides", []), None, None).get(name, default)


def architecture_of(settings: dict) -> str:
    """What functions are built for: the parameter of the template, or its default."""
    return parameter(settings, "Architecture", "arm64")


def check_architecture(settings: dict) -> None:
    """Fails when what is built could not start: CloudFormation would only say that the migrator did not answer."""
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
    """What happened to a stack, the newest first."""
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack):
        yield from page["StackEvents"]


def failures(cloudformation, stack: str, last: str | None):
    """What failed first, and why, since an event."""
    recent = list(itertools.takewhile(lambda event: event["EventId"] != last, events_of(cloudformation, stack)))
    for event in reversed(recent):
        reason = event.get("ResourceStatusReason", "")
        # Those that did not get their turn say so.
        if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
            yield f"  {event['LogicalResourceId']} ({event['ResourceType']}): {reason}"


def log_of_the_migrator(session, cloudformation, stack: str, since: datetime.datetime):
    """What the migrator logged as wrong, if it came so far."""
    described = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="FunctionLogs")
    group = described["StackResourceDetail"]["PhysicalResourceId"]
    lines = session.client("logs").filter_log_events(logGroupName=group, startTime=int(since.timestamp() * 1000))
    for event in lines["events"]:
        try:
            line = json.loads(event["message"])
        except ValueError:
            continue
        # The function of the line that has what CloudFormation asked for is the migrator.
        if line.get("level") == "ERROR" and "request_type" in line:
            yield f"  {line.get('message')}: {line.get('cause', '')}"


def explain(session, stack: str, since: datetime.datetime, last: str | None) -> None:
    """Says why a deployment failed that began at a time, after an event."""
    cloudformation = session.client("cloudformation")
    status = status_of(cloudformation, stack)
    print(f"\nThe deployment failed; the stack {stack} is {status}.", file=sys.stderr)
    for line in failures(cloudformation, stack, last):
        print(line, file=sys.stderr)
    try:
        lines = list(log_of_the_migrator(session, cloudformation, stack, since))
    except ClientError:
        # It was not made, or is gone already.
        lines = []
    if lines:
        print("The migrator's log:", *lines, sep="\n", file=sys.stderr)
    remove = f"sam delete --stack-name {stack} --region {session.region_name}"
    if status == "CREATE_FAILED":
        print(f"Mend the cause and deploy again, or remove what was made: {remove}", file=sys.stderr)
    elif status in TO_BE_REMOVED:
        print(f"Remove it and deploy again: {remove}", file=sys.stderr)
    elif status == "UPDATE_ROLLBACK_FAILED":
        print("The way out is in docs/deploy.md, under \"When a deployment fails\".", file=sys.stderr)
    elif status == "UPDATE_ROLLBACK_COMPLETE":
        print("The former version serves. Mend the cause and deploy again.", file=sys.stderr)


def smoke(session, cloudformation, settings: dict, program: list) -> int:
    """Asks a deployment how it is, with what AWS knows of it."""
    (stack,) = cloudformation.describe_stacks(StackName=settings["stack_name"])["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    origin = parameter(settings, "CorsAllowedOrigins", "http://localhost:3000").split(",")[0]
    secret = parameter(settings, "JunctureSecretsId", "")
    # One named by its ARN may be in another region, which the ARN says.
    region = secret.split(":")[3] if secret.startswith("arn:") else session.region_name
    value = session.client("secretsmanager", region_name=region).get_secret_value(SecretId=secret)["SecretString"]
    # While keys rotate, the first is the new one.
    key = json.loads(value)["JUNCTURE_SECRET_KEY"].split(",")[0].strip()
    command = [*program, "smoke", "--api", outputs["ApiUrl"], "--origin", origin]
    return subprocess.run(command, env={**os.environ, "JUNCTURE_SECRET_KEY": key}).returncode


def main(stage: str, *options: str) -> int:
    settings = settings_of(stage)
    if options == ("--architecture",):
        print(architecture_of(settings))
        return 0
    stack = settings["stack_name"]
    # The region of the stage, or else that of AWS_REGION, which SAM and its library do not know, or of the profile.
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
            f"The stack {stack} is {status}, and CloudFormation can only remove it:\n"
            f"  sam delete --stack-name {stack} --region {session.region_name}"
        )
    since = datetime.datetime.now(datetime.timezone.utc)
    last = next(events_of(cloudformation, stack))["EventId"] if status else None
    # Not `--on-failure DO_NOTHING`: `sam deploy` takes the option, and rolls back all the same (1.170).
    keep = ["--disable-rollback"] if status in NOT_MADE_YET else []
    # There is nobody to say yes; who approves says so before.
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
