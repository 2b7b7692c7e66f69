"""What the workflows must keep to beyond actionlint, which cannot know this project: nothing runs them here, so what they
run is what is run here. Each check takes the text of every workflow by the name of its file, and yields a sentence for
everything that breaks its rule.
"""

import re
import tomllib
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = {file.name: file.read_text() for file in (ROOT / ".github/workflows").iterdir()}

TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
STAGES = {name for name, commands in tomllib.loads((ROOT / "samconfig.toml").read_text()).items()
          if isinstance(commands, dict) and "stack_name" in commands.get("deploy", {}).get("parameters", {})}

# An action, the commit that it is pinned to, and the version that this commit is.
PINNED = re.compile(r"uses: (?P<action>[\w-]+/[\w-]+)@(?P<commit>[0-9a-f]{40}) # v\d+\.\d+\.\d+$")
LOCAL = re.compile(r"uses: \./\.github/workflows/(?P<file>[\w-]+\.yml)$")
# The stage of a command, and the environment and the stage of a job that deploys.
STAGE = re.compile(r"\bSTAGE=(\S+)")
DEPLOYING = {"staging": "staging", "production": "prod"}


def jobs(workflows: dict):
    for file, text in workflows.items():
        for name, job in yaml.safe_load(text)["jobs"].items():
            yield f"{file}, {name}", job


def steps(workflows: dict):
    for where, job in jobs(workflows):
        for step in job.get("steps", []):
            yield where, step


def pinned(workflows: dict):
    commits = {}
    for file, text in workflows.items():
        for line in text.splitlines():
            if "uses:" not in line:
                continue
            if local := LOCAL.search(line):
                if local["file"] not in workflows:
                    yield f"{file}: there is no {local['file']}"
            elif found := PINNED.search(line):
                if commits.setdefault(found["action"], found["commit"]) != found["commit"]:
                    yield f"{file}: {found['action']} has two versions"
            else:
                yield f"{file}: not a commit of 40 digits with its version behind it: {line.strip()}"


def run_here(workflows: dict):
    """Whatever is run is a target of the Makefile or a program of .ci/, and of a stage that there is."""
    for where, step in steps(workflows):
        for line in step.get("run", "").splitlines():
            program, name, *_ = [*line.split(), ""]
            known = {"make": name in TARGETS, "bash": name.startswith(".ci/") and (ROOT / name).is_file()}
            if not known.get(program):
                yield f"{where}: neither a target of the Makefile nor a program of .ci/: {line}"
            # Not in the middle of what a shell takes apart, and not what somebody outside can write.
            if "${{" in line:
                yield f"{where}: an expression within a command: {line}"
            for stage in STAGE.findall(line):
                if stage not in STAGES:
                    yield f"{where}: samconfig.toml has no stage {stage}"


def rights(workflows: dict):
    """A token for AWS where somebody may have to approve, reading the sources elsewhere, and no secret anywhere."""
    for file, text in workflows.items():
        if "secrets." in text:
            yield f"{file}: needs a secret"
        if yaml.safe_load(text).get("permissions") not in ({}, {"contents": "read"}):
            yield f"{file}: every job may more than read the sources"
    for where, job in jobs(workflows):
        most = {"contents": "read", **({"id-token": "write"} if "environment" in job else {})}
        if not job.get("permissions", {}).items() <= most.items():
            yield f"{where}: may more than {most}"
    for where, step in steps(workflows):
        if "actions/checkout@" in step.get("uses", "") and step.get("with", {}).get("persist-credentials") is not False:
            yield f"{where}: leaves GitHub's token to what runs later"


def deployments(workflows: dict):
    """Production gets what staging got, by the same steps, and after it."""
    job = yaml.safe_load(workflows["deploy.yml"])["jobs"]
    both = {}
    for environment, stage in DEPLOYING.items():
        mine = job[environment]
        if mine["environment"] != environment:
            yield f"{environment}: is of the environment {mine['environment']}"
        if mine["concurrency"] != {"group": f"deploy-{stage}", "cancel-in-progress": False}:
            yield f"{environment}: two deployments may meet, or one be broken off"
        commands = [line for step in mine["steps"] for line in step.get("run", "").splitlines()]
        if {found for line in commands for found in STAGE.findall(line)} != {stage}:
            yield f"{environment}: is not all of the stage {stage}"
        for command in ("make deploy", "make smoke"):
            if not any(line.startswith(command) and " RELEASE=" in line for line in commands):
                yield f"{environment}: no {command} of the release"
        both[environment] = str(mine["steps"]).replace(f"STAGE={stage}", "STAGE=…")
    if len(set(both.values())) != 1:
        yield "staging and production are deployed by different steps"
    for name, needed in {"release": "ci", "staging": "release", "production": "staging"}.items():
        if needed not in job[name]["needs"]:
            yield f"{name} does not wait for {needed}"
    if "refs/heads/main" not in job["release"]["if"]:
        yield "another branch than main is deployed"


CHECKS = [pinned, run_here, rights, deployments]

# A check, a text of a workflow, what is put in its place, and what is said then.
BREACHES = [
    (pinned, r"checkout@\w+ # v[\d.]+", "checkout@v7", "not a commit of 40 digits"),
    (pinned, r"checkout@3d3c", "checkout@3d3d", "has two versions"),
    (pinned, r" # v7\.0\.1", "", "its version behind it"),
    (pinned, r"workflows/ci\.yml", "workflows/tests.yml", "there is no tests.yml"),
    (run_here, r"make smoke", "make smoketest", "neither a target"),
    (run_here, r"bash \.ci/run", "bash .ci/all", "neither a target"),
    (run_here, r"make release ARCH=arm64", "cargo build", "neither a target"),
    (run_here, r"bash \.ci/run", "bash .ci/run ${{ github.head_ref }}", "an expression"),
    (run_here, r"STAGE=prod\b", "STAGE=production", "no stage production"),
    (rights, r"vars\.AWS_ROLE_ARN", "secrets.AWS_ROLE_ARN", "needs a secret"),
    (rights, r"permissions: \{\}", "permissions: write-all", "every job may more"),
    (rights, r"    permissions:\n      contents: read\n    steps",
     "    permissions:\n      id-token: write\n    steps", "deploy.yml, release: may more"),
    (rights, r"persist-credentials: false", "persist-credentials: true", "leaves GitHub's token"),
    (deployments, r"environment: production", "environment: staging", "is of the environment staging"),
    (deployments, r"group: deploy-prod\b", "group: deploy", "two deployments may meet"),
    (deployments, r"cancel-in-progress: false", "cancel-in-progress: true", "be broken off"),
    (deployments, r"STAGE=prod\b", "STAGE=staging", "is not all of the stage prod"),
    (deployments, r"(STAGE=prod) RELEASE=.*", r"\1", "production: no make deploy of the release"),
    (deployments, r"role-session-name: .*\n      #", "#", "by different steps"),
    (deployments, r"needs: \[release, staging\]", "needs: release", "production does not wait for staging"),
    (deployments, r"needs: ci", "needs: []", "release does not wait for ci"),
    (deployments, r"github\.ref == 'refs/heads/main' && ", "", "another branch"),
]


class Workflows(unittest.TestCase):
    def test_they_keep_to_the_rules(self):
        for check in CHECKS:
            with self.subTest(check.__name__):
                self.assertEqual(list(check(WORKFLOWS)), [])

    def test_each_breach_is_noticed(self):
        for check, pattern, replacement, expected in BREACHES:
            with self.subTest(check=check.__name__, expected=expected):
                # The first place alone.
                changed, count = dict(WORKFLOWS), 0
                for file, text in WORKFLOWS.items():
                    if re.search(pattern, text) and not count:
                        changed[file], count = re.subn(pattern, replacement, text, count=1)
                self.assertEqual(count, 1, pattern)
                self.assertIn(expected, "\n".join(check(changed)))


if __name__ == "__main__":
    unittest.main()
