"""Deploys Juncture to an emulator of AWS, as its operator would: `make rehearse`.

`rehearse.py <archive of make release> <folder of programs>`. The real SAM CLI deploys a real release; two stages of one
account are made, used, updated, rolled back and removed. What an emulator lets pass and AWS does not is held by the
policies of tests/template.
"""

import contextlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emulator import REGION, ROOT, Emulator, adapt
from stage import Servers, Stage

ARCHITECTURE = "arm64" if platform.machine() == "aarch64" else "x86_64"
# The migration of a release to come.
NEXT = "9001_rehearsal"

STARTED = time.monotonic()


def newest() -> str:
    return max(file.stem for file in (ROOT / "migrations").glob("*.sql"))


@contextlib.contextmanager
def step(what: str):
    """Says what was done, and how long it took. One line at its end: two stages speak at once."""
    started, outcome = time.monotonic(), "FAILED"
    try:
        yield
        outcome = "done"
    finally:
        print(f"{what}: {outcome} in {time.monotonic() - started:.1f} s", flush=True)


def unpack(archive: Path, folder: Path) -> Path:
    """A folder to deploy from, as somebody has it who deploys a release."""
    folder.mkdir()
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", folder, "--strip-components", "1"], check=True)
    adapt(folder / ".aws-sam/build/template.yaml")
    config = (folder / "samconfig.toml").read_text()
    config = config.replace(
        "parameter_overrides = [", f'region = "{REGION}"\nparameter_overrides = [\n  "Architecture={ARCHITECTURE}",'
    )
    (folder / "samconfig.toml").write_text(config)
    return folder


class NextMigrator:
    """The migrator of a release that has one migration more; built while the first stages are deployed."""

    def __init__(self, folder: Path, programs: Path):
        self.program = programs / "migrate-next"
        sources = next_sources(folder)
        self.process = subprocess.Popen(
            ["cargo", "build", "--quiet", "--offline", "--bin", self.program.name, "--target-dir", programs.parent],
            cwd=sources,
        )

    def wait(self) -> Path:
        assert self.process.wait() == 0, "the next migrator was not built"
        return self.program


def next_sources(folder: Path) -> Path:
    """What the next migrator is built from."""
    sources = folder / "next"
    for name in ("Cargo.toml", "Cargo.lock", "clippy.toml", "shared", "migrations", "functions"):
        source = ROOT / name
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, sources / name)
    (sources / f"migrations/{NEXT}.sql").write_text('create table "juncture-core".rehearsal (id int primary key);\n')
    for name, pattern, replacement in [
        ("shared/juncture/src/migrations.rs", r"(migrations!\[[^\]]*\")\s*\]", rf'\1, "{NEXT}"]'),
        ("Cargo.toml", r"members = \[[^\]]*\]", 'members = ["functions", "shared/juncture"]'),
        # A name of its own: it is built beside the present one, for the sake of what both have in common.
        ("functions/Cargo.toml", r'name = "migrate"', 'name = "migrate-next"'),
    ]:
        file = sources / name
        text, count = re.subn(pattern, replacement, file.read_text(), flags=re.DOTALL)
        assert count == 1, f"{name}: {pattern} is there {count} times"
        file.write_text(text)
    return sources


def release(folder: Path, migrator: Path, newest: str) -> None:
    """Puts another release in place of the built one, as far as the migrator is concerned."""
    bootstrap = folder / ".aws-sam/build/Migrate/bootstrap"
    bootstrap.unlink()
    shutil.copy(migrator, bootstrap)
    template = folder / ".aws-sam/build/template.yaml"
    text, count = re.subn(r"Newest: \S+", f"Newest: {newest}", template.read_text())
    assert count == 1, f"Newest is there {count} times"
    template.write_text(text)


def succeeds(deployment: tuple[int, str]) -> str:
    code, output = deployment
    assert code == 0, output
    return output


def fails(deployment: tuple[int, str], *expected: str) -> None:
    code, output = deployment
    assert code != 0, output
    for text in expected:
        assert text in output, f"{text} is not in:\n{output}"


def first_deployment(staging: Stage) -> None:
    with step("staging: without a secret, nothing is begun"):
        fails(staging.admin("check"), f"Secret juncture/staging in {REGION}", "There is no such secret")
    with step("staging: functions for another processor are refused"):
        config = staging.folder / "samconfig.toml"
        right = config.read_text()
        other = {"arm64": "x86_64", "x86_64": "arm64"}[ARCHITECTURE]
        config.write_text(right.replace(f"Architecture={ARCHITECTURE}", f"Architecture={other}"))
        fails(staging.deploy(), f"The functions are built for {ARCHITECTURE}")
        config.write_text(right)
    with step("staging: a first deployment that fails keeps the reason"):
        staging.write_secret(DATABASE_URL="postgres://nobody:nothing@127.0.0.1:1/none")
        fails(staging.deploy(), "CREATE_FAILED", "Connection refused", "The migrator's log:", "sam delete --stack-name")


def deploy_and_use(stage: Stage, what: str, person: str, origin: str) -> None:
    """`origin` is the product's, as samconfig.toml has it for the stage."""
    with step(f"{stage.name}: {what}"):
        stage.write_secret()
        succeeds(stage.admin("check"))
        succeeds(stage.deploy())
    with step(f"{stage.name}: smoke test, readiness, the connect flow, an issue created and read"):
        stage.serve()
        succeeds(stage.smoke(origin))
        stage.is_ready()
        stage.connect(person)
        stage.write_and_read_an_issue(person)


def updates(stage: Stage, migrator: Path, person: str) -> None:
    release(stage.folder, migrator, NEXT)
    with step(f"{stage.name}: an update whose migration fails is rolled back"):
        # What the migration is about to make is there already.
        stage.servers.sql('create table "juncture-core".rehearsal (other int)')
        fails(stage.deploy(), "UPDATE_ROLLBACK_COMPLETE", "already exists", "The former version serves")
        stage.serve()
        stage.write_and_read_an_issue(person)
    with step(f"{stage.name}: the next update succeeds, with a new migration"):
        stage.servers.sql('drop table "juncture-core".rehearsal')
        succeeds(stage.deploy())
        assert stage.servers.sql("select to_regclass('\"juncture-core\".rehearsal') is not null") == "t"
        stage.serve()
        stage.write_and_read_an_issue(person)


def way_out(stage: Stage, present: Path, migrator: Path, person: str) -> None:
    """The last resort of docs/deploy.md, for a rollback that fails."""
    stuck = stage.folder / "stuck"
    stuck.write_text(f"#!{sys.executable}\n{(Path(__file__).parent / 'stuck.py').read_text()}")
    stuck.chmod(0o755)
    with step(f"{stage.name}: an update without a migration leaves the migrator alone"):
        release(stage.folder, stuck, newest())
        succeeds(stage.deploy())
    with step(f"{stage.name}: a rollback that fails, and the way out of it"):
        # Taken back, it meets the one before, which fails whatever it is asked.
        release(stage.folder, migrator, NEXT)
        stage.servers.sql('create table "juncture-core".rehearsal (other int)')
        fails(stage.deploy(), "UPDATE_ROLLBACK_FAILED", "already exists", "docs/deploy.md")
        stage.skip_migrations()
        assert stage.emulator.status(stage.stack) == "UPDATE_ROLLBACK_COMPLETE"
        stage.serve()
        stage.write_and_read_an_issue(person)
    with step(f"{stage.name}: the next update succeeds"):
        release(stage.folder, present, newest())
        succeeds(stage.deploy())
        stage.serve()
        stage.write_and_read_an_issue(person)


def rotation(stage: Stage) -> None:
    with step(f"{stage.name}: the secret key is rotated, and taken over without a deployment"):
        old = stage.key
        succeeds(stage.admin("rotate", "--key", "JUNCTURE_SECRET_KEY"))
        stage.key = stage.read_secret()["JUNCTURE_SECRET_KEY"].split(",")[0]
        stage.until_it_answers(200, stage.key)
        stage.until_it_answers(200, old)
        succeeds(stage.admin("drop-old", "--key", "JUNCTURE_SECRET_KEY"))
        stage.until_it_answers(401, old)
        stage.until_it_answers(200, stage.key)


def removal(stage: Stage) -> None:
    with step(f"{stage.name}: sam delete"):
        if stage.name == "prod":
            code, _ = stage.delete()
            assert code != 0 and stage.emulator.status(stage.stack) == "UPDATE_COMPLETE", "production is protected"
            stage.unprotect()
        succeeds(stage.delete())


def nothing_is_left(emulator: Emulator, before: dict) -> None:
    after = emulator.everything()
    left = {kind: sorted(set(names) - set(before[kind])) for kind, names in after.items()}
    # The bucket of the SAM CLI is for all stacks of the account, and `make secrets` made the secrets.
    assert left.pop("stacks") == ["aws-sam-cli-managed-default"], left
    assert left.pop("secrets") == ["juncture/prod", "juncture/prod-migrator", "juncture/staging"], left
    assert not any(left.values()), left
    print("Nothing is left of them but their secrets")


def staging_to_its_end(stage: Stage, migrator: NextMigrator) -> None:
    deploy_and_use(stage, "mended and deployed again", "first", "http://localhost:3000")
    updates(stage, migrator.wait(), "first")
    rotation(stage)
    removal(stage)


def prod_to_its_end(stage: Stage, present: Path, migrator: NextMigrator) -> None:
    stage.separate_the_migrator()
    deploy_and_use(stage, "a second stage of the same account and region, with a secret for its migrator", "second",
                   "https://app.example.com")
    with step(f"{stage.name}: the functions' role may not change tables"):
        assert stage.servers.sql("select has_schema_privilege('juncture_functions', 'juncture-core', 'create')") == "f"
    way_out(stage, present, migrator.wait(), "second")
    removal(stage)


SHOWN = """
Shown: a first deployment that fails and is mended; a second stage, whose migrator has its own secret; smoke test, connect
flow and an issue on each; an update whose migration fails, its rollback, and the next one with a new migration; a
rollback that fails, and the way out; a rotated key; production's protection, and removal.

Not shown, because an emulator cannot: that AWS takes the template (CloudFormation's own checks, quotas, the policy of the
log groups, the routes as CloudFormation reads them from the API's body), rights (nothing is refused here), arm64, cold
starts, limits and throttling, domains and certificates, alarms, the schedule, Neon, Upstash and Atlassian."""


def main(archive: Path, programs: Path) -> None:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="juncture-rehearsal-")))
        with step("Starting AWS, and two sets of Postgres, Redis and Atlassian"):
            emulator = Emulator(folder)
            stack.callback(emulator.stop)
            before = emulator.everything()
            stages = []
            for name in ("staging", "prod"):
                servers = Servers(folder / name, programs)
                stack.callback(servers.stop)
                stages.append(Stage(name, emulator, servers, unpack(archive, folder / name / "project")))
            staging, prod = stages
            present = shutil.copy(prod.folder / ".aws-sam/build/Migrate/bootstrap", folder / "migrate")
        migrator = NextMigrator(folder, programs)
        stack.callback(migrator.process.kill)
        try:
            # Alone: it makes the bucket that SAM keeps for an account.
            first_deployment(staging)
            with ThreadPoolExecutor() as pool:
                ends = [pool.submit(staging_to_its_end, staging, migrator),
                        pool.submit(prod_to_its_end, prod, present, migrator)]
            for end in ends:
                end.result()
            nothing_is_left(emulator, before)
        except BaseException:
            kept = ROOT / ".local/rehearsal.log"
            shutil.copy(emulator.log, kept)
            print(f"\nThe emulator's log is in {kept.relative_to(ROOT)}", file=sys.stderr)
            raise
        print(f"{SHOWN}\n\nRehearsed in {time.monotonic() - STARTED:.0f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
