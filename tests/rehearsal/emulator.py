"""AWS on this machine: ministack, and what it needs help with."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import yaml
from botocore.config import Config

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests/template"))

import policies  # noqa: E402

# The stages' region, as samconfig.toml says it, and that of whoever is at the keyboard.
REGION = "eu-central-1"
ELSEWHERE = "us-west-2"
# Whoever answers within this time is there; nothing here takes a tenth of it on an idle machine.
PATIENCE = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what: str, ready, process: subprocess.Popen):
    """Calls `ready` until it gives something; fails at once when the process has ended."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := ready():
            return found
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended with status {process.returncode}")
        time.sleep(0.05)
    raise RuntimeError(f"{what} does not answer")


class Emulator:
    """A ministack of its own. It runs functions as processes, and keeps everything in memory."""

    def __init__(self, folder: Path):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        # No profile of the person who rehearses.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        # For the emulator, and so for the functions; for the SAM CLI and the operator's program. Any credentials do.
        self.environment = {
            **inherited,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "rehearsal",
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "AWS_REGION": ELSEWHERE,
            "AWS_DEFAULT_REGION": ELSEWHERE,
            "AWS_CONFIG_FILE": os.devnull,
            "SAM_CLI_TELEMETRY": "0",
            # How often SAM looks how far the stack is; five seconds are for a real one.
            "SAM_CLI_POLL_DELAY": "0.5",
            # Nobody is there to confirm anything.
            "CI": "true",
        }
        self.log = folder / "emulator.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [ROOT / ".local/venv-rehearsal/bin/python", "-m", "ministack"],
                env={**self.environment, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "127.0.0.1",
                     "LAMBDA_EXECUTOR": "local", "TMPDIR": str(folder)},
                stdout=log, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True,
            )
        wait_for("the emulator", self._answers, self.process)
        self.session = boto3.Session("rehearsal", "rehearsal", region_name=REGION)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def client(self, service: str):
        # Not repeated: what fails is to be seen.
        return self.session.client(service, endpoint_url=self.url, config=Config(retries={"total_max_attempts": 1}))

    def stop(self) -> None:
        # Its functions are processes of its group.
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def serve(self, stack: str) -> str:
        """Gives a stack's API the routes and CORS of its `Body`, which the emulator does not read; tells its address."""
        cloudformation, gateway = self.client("cloudformation"), self.client("apigatewayv2")
        template = cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
        template = template if isinstance(template, dict) else json.loads(template)
        ids = self.resources(stack)
        api = ids["Api"]
        for route in gateway.get_routes(ApiId=api)["Items"]:
            gateway.delete_route(ApiId=api, RouteId=route["RouteId"])
        for integration in gateway.get_integrations(ApiId=api)["Items"]:
            gateway.delete_integration(ApiId=api, IntegrationId=integration["IntegrationId"])
        functions = self.client("lambda")
        integrations = {}
        for key, function in policies.routes(template).items():
            if function not in integrations:
                arn = functions.get_function(FunctionName=ids[function])["Configuration"]["FunctionArn"]
                integrations[function] = gateway.create_integration(
                    ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
                )["IntegrationId"]
            # API Gateway takes a request whose path ends in a slash for one without; the emulator does not.
            for spelling in [key] if key.endswith("+}") else [key, f"{key}/"]:
                gateway.create_route(ApiId=api, RouteKey=spelling, Target=f"integrations/{integrations[function]}")
        cors = template["Resources"]["Api"]["Properties"]["Body"]["x-amazon-apigateway-cors"]
        # The emulator transforms with the defaults of parameters, AWS with their values.
        parameters = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Parameters"]
        (origins,) = [entry["ParameterValue"] for entry in parameters if entry["ParameterKey"] == "CorsAllowedOrigins"]
        cors["allowOrigins"] = origins.split(",")
        gateway.update_api(ApiId=api, CorsConfiguration={name[0].upper() + name[1:]: value for name, value in cors.items()})
        return f"{self.url}/_aws/execute-api/{api}/$default"

    def resources(self, stack: str) -> dict:
        """The physical id of each resource of a stack."""
        found = self.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
        return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in found}

    def status(self, stack: str) -> str:
        return self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]

    def everything(self) -> dict:
        """What there is in the account, by kind, that a stack of ours may have made."""
        listings = {
            "stacks": ("cloudformation", "describe_stacks", "Stacks", "StackName"),
            "functions": ("lambda", "list_functions", "Functions", "FunctionName"),
            "APIs": ("apigatewayv2", "get_apis", "Items", "Name"),
            "roles": ("iam", "list_roles", "Roles", "RoleName"),
            "log groups": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
            "alarms": ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
            "dashboards": ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
            "schedules": ("scheduler", "list_schedules", "Schedules", "Name"),
            "topics": ("sns", "list_topics", "Topics", "TopicArn"),
            "secrets": ("secretsmanager", "list_secrets", "SecretList", "Name"),
        }
        return {
            kind: sorted(entry[name] for entry in getattr(self.client(service), call)()[key])
            for kind, (service, call, key, name) in listings.items()
        }


def adapt(template: Path) -> None:
    """Takes out of a built template what the emulator cannot do, and nothing else."""
    parsed = yaml.safe_load(template.read_text())
    # It knows no Fn::Split in a condition. The secret is named by its name here.
    parsed["Conditions"]["SecretIsNamedByArn"] = {"Fn::Equals": ["name", "arn"]}
    # It knows no alarm on an expression.
    resources = parsed["Resources"]
    dashboard = resources["Dashboard"]["Properties"]["DashboardBody"]
    for name in [name for name, resource in resources.items() if "Metrics" in resource.get("Properties", {})]:
        del resources[name]
        dashboard["Fn::Sub"] = dashboard["Fn::Sub"].replace(f'"${{{name}.Arn}}", ', "")
    template.write_text(yaml.safe_dump(parsed, sort_keys=False))
