"""One stage of Juncture, as its operator, its product and its end users see it."""

import json
import signal
import subprocess
import time
from pathlib import Path

import requests
from emulator import PATIENCE, REGION, ROOT, Emulator, wait_for

CHECK = "/api/backend/connection-info/check-connection-validity"


class Servers:
    """Postgres, Redis and a sandbox of Atlassian: what Neon, Upstash and Atlassian are to a real stage."""

    def __init__(self, folder: Path, programs: Path):
        folder.mkdir(parents=True)
        self.process = subprocess.Popen([programs / "juncture-local", "servers", folder], stdout=subprocess.DEVNULL)
        written = folder / "settings.json"
        wait_for("juncture-local servers", written.exists, self.process)
        self.settings = json.loads(written.read_text())

    @property
    def atlassian(self) -> str:
        return self.settings["ATLASSIAN_AUTH_URL"]

    @property
    def owner_url(self) -> str:
        """The URL of the database for the role that may create tables."""
        return self.settings["DATABASE_URL"].replace("//juncture_functions:", "//juncture:")

    def sql(self, statement: str) -> str:
        command = ["psql", self.owner_url, "--quiet", "--tuples-only", "--no-align", "--no-psqlrc",
                   "--set", "ON_ERROR_STOP=1", "--command", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)


class Stage:
    """A stage of samconfig.toml, with servers of its own."""

    def __init__(self, name: str, emulator: Emulator, servers: Servers, folder: Path):
        self.name, self.stack, self.secret = name, f"juncture-{name}", f"juncture/{name}"
        self.emulator, self.servers, self.folder = emulator, servers, folder
        self.url = ""
        self.key = servers.settings["JUNCTURE_SECRET_KEY"]
        self.migrator_secret = None

    def separate_the_migrator(self) -> None:
        """Gives the migrator its own secret; the functions then use a role that may not create tables."""
        self.migrator_secret = f"{self.secret}-migrator"
        config = self.folder / "samconfig.toml"
        own = f'"JunctureSecretsId={self.secret}",'
        text = config.read_text()
        assert own in text, text
        config.write_text(text.replace(own, f'{own}\n  "MigratorSecretsId={self.migrator_secret}",'))
        self._put(self.migrator_secret, {
            "DATABASE_URL": self.servers.owner_url, "DATABASE_FUNCTIONS_ROLE": "juncture_functions",
        })

    # The operator.

    def write_secret(self, **settings: str) -> None:
        """What `make secrets` does; that refuses addresses of this machine, which no function in AWS could reach."""
        self._put(self.secret, {
            **self.servers.settings,
            # Without its own secret the migrator has this one, and needs the role that may create tables.
            **({} if self.migrator_secret else {"DATABASE_URL": self.servers.owner_url}),
            "DEFAULT_JIRA_SITE_REDIRECT_URI": "http://localhost:1/settings",
            # Waiting for a new version is not what is rehearsed.
            "SECRETS_MAX_AGE_SECONDS": "1",
            **settings,
        })

    def _put(self, name: str, values: dict) -> None:
        secrets, text = self.emulator.client("secretsmanager"), json.dumps(values)
        if name in self.emulator.everything()["secrets"]:
            secrets.put_secret_value(SecretId=name, SecretString=text)
        else:
            secrets.create_secret(Name=name, SecretString=text)

    def read_secret(self) -> dict:
        found = self.emulator.client("secretsmanager").get_secret_value(SecretId=self.secret)
        return json.loads(found["SecretString"])

    def deploy(self) -> tuple[int, str]:
        """What `make deploy` does with what is built; the status and what was printed."""
        return self._run([ROOT / ".local/venv/bin/python", ROOT / "scripts/deploy.py", self.name])

    def admin(self, *words: str) -> tuple[int, str]:
        """A command of the operator's program."""
        return self._run([self.folder / "juncture-admin", words[0], "--stage", self.name, *words[1:]])

    def smoke(self, origin: str) -> tuple[int, str]:
        """What `make smoke` does."""
        return self._run([self.folder / "juncture-admin", "smoke", "--api", self.url, "--origin", origin],
                         JUNCTURE_SECRET_KEY=self.key)

    def skip_migrations(self) -> None:
        """What `aws cloudformation continue-update-rollback --resources-to-skip Migrations` does."""
        cloudformation = self.emulator.client("cloudformation")
        cloudformation.continue_update_rollback(StackName=self.stack, ResourcesToSkip=["Migrations"])
        cloudformation.get_waiter("stack_rollback_complete").wait(StackName=self.stack, WaiterConfig={"Delay": 1})

    def unprotect(self) -> None:
        """What `aws cloudformation update-termination-protection --no-enable-termination-protection` does."""
        cloudformation = self.emulator.client("cloudformation")
        cloudformation.update_termination_protection(StackName=self.stack, EnableTerminationProtection=False)

    def delete(self) -> tuple[int, str]:
        return self._run(["sam", "delete", "--no-prompts", "--stack-name", self.stack, "--region", REGION])

    def _run(self, command: list, **variables: str) -> tuple[int, str]:
        path = f"{ROOT}/.local/venv/bin:{self.emulator.environment['PATH']}"
        environment = {**self.emulator.environment, "PATH": path, **variables}
        done = subprocess.run(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def serve(self) -> None:
        """Opens the API, and registers its callback at Atlassian, as docs/deploy.md has it after a first deployment."""
        self.url = self.emulator.serve(self.stack)
        callback = f"{self.url}/api/frontend/oauth/authorization-callback/jira"
        # By itself it would say https, under the domain of the API.
        self.write_secret(DEFAULT_JIRA_REDIRECT_URI=callback, JUNCTURE_FRONTEND_URL=self.url, JUNCTURE_SECRET_KEY=self.key)
        answer = requests.post(f"{self.servers.atlassian}/_sandbox/redirect-uris", json={"redirect_uri": callback},
                               timeout=PATIENCE)
        answer.raise_for_status()

    # The product's backend.

    def call(self, method: str, path: str, key: str | None = None, **options) -> requests.Response:
        headers = {"authorization": f"Bearer {key or self.key}"}
        return requests.request(method, f"{self.url}{path}", headers=headers, timeout=PATIENCE, allow_redirects=False,
                                **options)

    def json(self, method: str, path: str, expected: int = 200, **options) -> dict:
        answer = self.call(method, path, **options)
        assert answer.status_code == expected, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def until_it_answers(self, status: int, key: str) -> None:
        """Waits until a key of the backend API is answered so: functions look for a new secret every second."""
        query = {"external_id": "nobody", "provider": "jira"}
        end = time.monotonic() + PATIENCE
        while (answer := self.call("GET", CHECK, key=key, params=query)).status_code != status:
            assert time.monotonic() < end, f"{answer.status_code} {answer.text}, not {status}"
            time.sleep(0.2)

    def is_ready(self) -> None:
        assert self.json("GET", "/health/ready")["ready"]

    def write_and_read_an_issue(self, external_id: str) -> None:
        """Creates a ticket and reads it back."""
        projects = self.json("GET", "/api/backend/jira/get-projects", params={"external_id": external_id})["projects"]
        new = {"jira_project_id": projects[0]["id"], "issue_type_id": "10001", "summary": "Rehearsed", "description": "A *note*."}
        created = self.json("POST", "/api/backend/jira/create-ticket", expected=201,
                            json={"external_id": external_id, **new})
        read = self.json("GET", "/api/backend/jira/get-issue-details",
                         params={"external_id": external_id, "issue_id_or_key": created["ticket"]["key"]})
        assert (read["issue"]["summary"], read["issue"]["description"]) == (new["summary"], new["description"]), read

    # An end user.

    def connect(self, external_id: str) -> None:
        """The whole flow, from the product's button to the connection."""
        token = self.json("POST", "/api/backend/connect-token", json={"provider": "jira", "external_id": external_id})
        # With the slash, as documented.
        begun = self.json("POST", "/api/frontend/oauth/initiate-oauth-flow/", json={"connect_token": token["connect_token"]})
        decision = {"authorize_url": begun["authorization_uri"], "account": "ada", "sites": ["harbour"], "decision": "accept"}
        consented = requests.post(f"{self.servers.atlassian}/_sandbox/consent", json=decision, timeout=PATIENCE)
        returned = requests.get(consented.json()["redirect"], timeout=PATIENCE, allow_redirects=False)
        assert returned.status_code == 303, returned.text
        page = requests.get(returned.headers["location"], timeout=PATIENCE)
        assert page.status_code == 200 and "<form" in page.text, page.text
        code = returned.headers["location"].rsplit("/", 1)[1]
        sites = self.json("GET", "/api/frontend/finalize-connection/jira/fetch-available-sites",
                          params={"connection_code": code})
        made = self.json("POST", "/api/frontend/finalize-connection/jira/create-connection",
                         json={"connection_code": code, "site_id": sites["sites"][0]["site_id"]})
        assert made["success"], made
