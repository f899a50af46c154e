"""The files in deploy/ work as they are: what they start exists, takes these arguments, and finds the others."""

import configparser
import fnmatch
import functools
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import pytest
import yaml

from market_assets.cli.stream import DOMAINS
from market_assets.settings import SECRETS, settings

REPOSITORY = Path(__file__).parents[1]
DEPLOY = REPOSITORY / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
#: the services that run our image
OURS = {name: service for name, service in SERVICES.items() if name != "postgres"}
UNITS = {path.stem.removeprefix("market-assets-"): path for path in (DEPLOY / "systemd").glob("*.service")}
CHECKOUT = "/opt/market-assets"


def started() -> dict[str, list[str]]:
    """What compose and the supervisor start, and how containers of ours are asked whether they are well, as words."""
    found = {f"compose {name}": service["command"] for name, service in OURS.items()}
    found |= {f"unit {name}": unit_command(name) for name in UNITS}
    healthy = {name: service["healthcheck"]["test"] for name, service in OURS.items()}
    found |= {
        f"healthcheck {name}": test[1:] for name, test in healthy.items() if test[1] != "python" and test[0] == "CMD"
    }
    found |= {
        f"healthcheck {name}": shlex.split(test[1].partition(">")[0])
        for name, test in healthy.items()
        if test[0] == "CMD-SHELL"
    }
    return found


def unit(path: Path) -> configparser.ConfigParser:
    """A unit's sections."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return parser


def unit_command(name: str) -> list[str]:
    """What a unit starts, as words; the program without its folder."""
    words = shlex.split(unit(UNITS[name])["Service"]["ExecStart"])
    folder, _, program = words[0].rpartition("/")
    assert folder == f"{CHECKOUT}/.venv/bin"
    return [program, *words[1:]]


@functools.cache
def command(program: str) -> Any:
    """The click command behind a program that the lock or this project installs."""
    if program == "market-assets":
        import typer

        from market_assets.cli import app

        return typer.main.get_command(app)
    if program == "dagster":
        from dagster._cli import create_dagster_cli

        return create_dagster_cli()
    if program == "dagster-daemon":
        from dagster._daemon.cli import create_dagster_daemon_cli

        return create_dagster_daemon_cli()
    assert program == "dagster-webserver", f"{program} is no program of this project"
    from dagster_webserver.cli import dagster_webserver

    return dagster_webserver


def options(words: list[str]) -> dict[str, Any]:
    """What a command line sets, parsed by the program itself without running it; raises where it would refuse it."""
    found, rest = command(words[0]), words[1:]
    context = found.make_context(words[0], list(rest))
    while hasattr(found, "resolve_command"):
        _, found, rest = found.resolve_command(context, [*context._protected_args, *context.args])
        context = found.make_context(found.name, list(rest), parent=context)
    given: dict[str, Any] = context.params
    return given


def port_of(name: str) -> int:
    """The port that a service's command listens on."""
    return int(options(SERVICES[name]["command"])["port"])


@pytest.mark.parametrize("words", started().values(), ids=started())
def test_every_command_is_accepted_by_its_program(words: list[str]) -> None:
    """Programs exist, with these commands and options; what they name is there."""
    given = options(words)
    if "domain" in given:
        assert given["domain"] in DOMAINS
    if given.get("module_name"):
        assert given["module_name"] in ("market_assets.definitions", ("market_assets.definitions",))
    for workspace in given.get("workspace") or ():
        assert (REPOSITORY / workspace).is_file()


def test_a_command_that_no_program_takes_is_refused() -> None:
    """The guard above sees a wrong option, a wrong command and a value of the wrong type."""
    for wrong in ("market-assets serve --hots x", "dagster api grcp", "dagster-webserver --port many"):
        with pytest.raises(Exception, match=r"No such|not a valid"):
            options(wrong.split())


def test_compose_and_supervisor_start_the_same_processes() -> None:
    """A unit for each service of ours, told the same except for addresses."""
    assert set(UNITS) == set(OURS)
    assert {f"stream-{domain}" for domain in DOMAINS} <= set(UNITS)
    for name in UNITS:
        where = {"host", "port"}
        in_container, in_unit = options(OURS[name]["command"]), options(unit_command(name))
        assert {key for key in in_unit if in_unit[key] != in_container[key]} <= where, name


def test_nothing_listens_to_other_machines_unasked() -> None:
    """Units bind this machine, or what api.host says; containers publish their ports to it alone."""
    for name in UNITS:
        assert options(unit_command(name)).get("host") in (None, "127.0.0.1"), name
    assert settings().api.host == "127.0.0.1"
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(published) == 2
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_ports_agree() -> None:
    """A service is published, and asked whether it is well, where its command listens."""
    for name, service in OURS.items():
        for mapping in service.get("ports", ()):
            assert {int(port) for port in mapping.split(":")[1:]} == {port_of(name)}
    assert options(started()["healthcheck code"])["port"] == port_of("code")
    asked = {name: re.search(r"urlopen\('([^']+)'", " ".join(OURS[name]["healthcheck"]["test"])) for name in OURS}
    urls = {name: urlsplit(found[1]) for name, found in asked.items() if found}
    assert {name: url.port for name, url in urls.items()} == {name: port_of(name) for name in ("webserver", "app")}
    # the path that tests/daemon asks a real webserver for, and one that the app answers without a key
    assert urls["webserver"].path == "/server_info"
    from dashboards.guard import _OPEN

    assert urls["app"].path in _OPEN


def test_every_variable_is_known() -> None:
    """What is set or asked for stands in .env.example, or is Dagster's or PostgreSQL's own."""
    example = re.findall(r"^(\w+)=", (REPOSITORY / ".env.example").read_text(), re.MULTILINE)
    known = {*example, "DAGSTER_HOME", "POSTGRES_USER", "POSTGRES_DB"}
    text = (DEPLOY / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+)", text))
    given = {name for service in SERVICES.values() for name in service["environment"]}
    common = unit(DEPLOY / "systemd" / "market-assets-.service.d" / "common.conf")["Service"]
    of_units = {common["Environment"].partition("=")[0]}
    (source,) = yaml.safe_load((DEPLOY / "workspace-grpc.yaml").read_text())["load_from"]
    dagster = yaml.safe_load((DEPLOY / "dagster-postgres.yaml").read_text())
    by_name = {source["grpc_server"]["host"]["env"], dagster["storage"]["postgres"]["postgres_url"]["env"]}
    assert (asked | given | of_units | by_name) - known == set()
    # what the two files ask for is given to every container
    assert [name for name in OURS if not by_name <= set(OURS[name]["environment"])] == []


def test_no_secret_stands_in_a_file() -> None:
    """Keys and passwords come from the env file."""
    secret = {*SECRETS.values(), "POSTGRES_PASSWORD", "MARKET_ASSETS_DAGSTER_POSTGRES_URL"}
    for service in SERVICES.values():
        stated = {name: str(value) for name, value in service["environment"].items() if name in secret}
        assert [name for name, value in stated.items() if "${POSTGRES_PASSWORD" not in value] == []
    assert {service.get("env_file") for service in OURS.values()} == {"../.env"}
    assert "POSTGRES_PASSWORD" in SERVICES["postgres"]["environment"]
    assert "env_file" not in SERVICES["postgres"], "the database has no use for vendors' keys"


def test_what_services_refer_to_exists() -> None:
    """Volumes, configs, files, and the services that they wait for, which say when they are well."""
    for name, service in SERVICES.items():
        assert {volume.partition(":")[0] for volume in service["volumes"]} <= set(COMPOSE["volumes"]), name
        assert {config["source"] for config in service["configs"]} <= set(COMPOSE["configs"]), name
        for other, wanted in service.get("depends_on", {}).items():
            assert wanted == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[other]
    files = [config["file"] for config in COMPOSE["configs"].values() if "file" in config]
    assert [file for file in files if not (DEPLOY / file).is_file()] == []
    assert (DEPLOY / SERVICES["code"]["build"]["context"] / SERVICES["code"]["build"]["dockerfile"]).is_file()
    built = [name for name, service in SERVICES.items() if "build" in service]
    assert built == ["code"]
    assert {service["image"] for service in OURS.values()} == {"market-assets"}
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {"stream-crypto", "stream-bars"}


def test_containers_share_the_home() -> None:
    """The folder, Dagster's home within it with its dagster.yaml, and databases that the server makes."""
    server = SERVICES["postgres"]
    made = {
        server["environment"]["POSTGRES_DB"],
        *re.findall(r"DATABASE (\w+);", COMPOSE["configs"]["databases"]["content"]),
    }
    for service in OURS.values():
        environment = service["environment"]
        assert service["volumes"] == [f"home:{environment['MARKET_ASSETS_HOME']}"]
        (config,) = service["configs"]
        assert config["target"] == f"{environment['DAGSTER_HOME']}/dagster.yaml"
        assert Path(environment["DAGSTER_HOME"]).parent == Path(environment["MARKET_ASSETS_HOME"])
        addresses = [value for name, value in environment.items() if name.endswith("POSTGRES_URL")]
        named = {urlsplit(value.partition(":-")[2].removesuffix("}")).path.removeprefix("/") for value in addresses}
        assert named == made


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, each on one line."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_holds_what_runs_and_nothing_else() -> None:
    """Every package and every file that the code reads is copied and let through; no data, no .env, no tests."""
    copied = [source for word, rest in instructions() if word == "COPY" for source in rest.split()[:-1]]
    assert [source for source in copied if not (REPOSITORY / source).exists()] == []
    packages = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    read = {"dagster.yaml", "workspace.yaml", "RUNBOOK.md", "deploy/workspace-grpc.yaml"}
    needed_to_install = {"pyproject.toml", "requirements.lock", "README.md", "LICENSE"}
    assert set(copied) == {*packages["packages"], *read, *needed_to_install}
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert let_through == set(copied)


def test_the_image_is_installed_by_the_lock_and_runs_as_nobody_special() -> None:
    """Hashes are demanded, nothing else is resolved, and the user is not root."""
    installing = [part for word, rest in instructions() if word == "RUN" for part in rest.split("&&") if "pip " in part]
    assert len(installing) == 2
    assert [part for part in installing if "--no-deps" not in part] == []
    assert "--require-hashes" in installing[0]
    assert "-r requirements.lock" in installing[0]
    assert [rest for word, rest in instructions() if word == "USER"] == ["1000:1000"]
    made = next(rest for word, rest in instructions() if word == "RUN" and "useradd" in rest)
    assert "--uid 1000 " in made
    assert "-o market-assets" in made
    words = [word for word, _ in instructions()]
    assert "RUN" not in words[words.index("USER") :]


def test_versions_of_the_image_agree() -> None:
    """Its Python is one that the project supports, and its pg_dump is not older than the server it dumps."""
    base = next(rest for word, rest in instructions() if word == "FROM")
    found = re.fullmatch(r"python:3\.(\d+)-slim-\w+", base)
    assert found
    assert 11 <= int(found[1]) <= 13
    client = re.search(r"postgresql-client-(\d+)", (DEPLOY / "Dockerfile").read_text())
    assert client
    assert SERVICES["postgres"]["image"] == f"postgres:{client[1]}"


def test_the_workspace_names_the_code_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster reads it: the server's port, the host by its variable, and the name under which schedules are on."""
    from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
    from dagster._core.workspace.load import location_origins_from_yaml_paths

    monkeypatch.setenv("MARKET_ASSETS_CODE_HOST", "code")
    (origin,) = location_origins_from_yaml_paths([str(DEPLOY / "workspace-grpc.yaml")])
    assert isinstance(origin, GrpcServerCodeLocationOrigin)
    assert (origin.host, origin.port) == ("code", port_of("code"))
    assert "code" in SERVICES
    (local,) = location_origins_from_yaml_paths([str(REPOSITORY / "workspace.yaml")])
    assert origin.location_name == local.location_name
    assert options(unit_command("code"))["port"] == origin.port


def test_the_two_instances_differ_in_their_storage_alone() -> None:
    """dagster-postgres.yaml is dagster.yaml with the storage named."""
    ours = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    theirs = yaml.safe_load((DEPLOY / "dagster-postgres.yaml").read_text())
    assert theirs.pop("storage")
    assert theirs == ours


def test_units_refer_to_units_that_exist() -> None:
    """Each is of the target, waits only for others of them, and leaves the rest to what they have in common."""
    there = {path.name for path in (DEPLOY / "systemd").glob("market-assets*.*") if path.is_file()}
    for path in UNITS.values():
        sections = unit(path)
        assert sections["Install"]["WantedBy"] == "market-assets.target"
        assert set(sections["Service"]) == {"ExecStart"}
        for key in ("Wants", "After"):
            assert set(sections["Unit"].get(key, "").split()) <= there
        assert fnmatch.fnmatch(path.name, "market-assets-*.service"), "the drop-in is of units named so"
    common = unit(DEPLOY / "systemd" / "market-assets-.service.d" / "common.conf")
    assert common["Unit"]["PartOf"] in there
    assert common["Service"]["WorkingDirectory"] == CHECKOUT
    assert common["Service"]["User"] == "market-assets"
    home = f"/var/lib/{common['Service']['StateDirectory']}"
    assert common["Service"]["Environment"] == f"DAGSTER_HOME={home}/dagster"
    assert common["Service"]["Restart"] == "always"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    """Its own verification finds every key, value and program."""
    shutil.copytree(DEPLOY / "systemd", tmp_path, dirs_exist_ok=True)
    for path in tmp_path.glob("*.service"):
        path.write_text(path.read_text().replace(CHECKOUT, str(REPOSITORY)))
    files = [str(path) for path in tmp_path.iterdir() if path.is_file()]
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files],
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(files) == len(UNITS) + 1
    assert [line for line in said.stderr.splitlines() if "market-assets" in line] == []


@dg.asset
def answer() -> int:
    return 42


@pytest.mark.postgres
def test_dagster_keeps_its_storage_in_postgres(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instance made from dagster-postgres.yaml records a run and its events in the database."""
    shutil.copyfile(DEPLOY / "dagster-postgres.yaml", tmp_path / "dagster.yaml")
    monkeypatch.setenv("MARKET_ASSETS_DAGSTER_POSTGRES_URL", postgres_url)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert dg.materialize([answer], instance=instance).success
    with dg.DagsterInstance.from_config(str(tmp_path)) as again:
        assert again.get_latest_materialization_event(dg.AssetKey("answer")) is not None
    assert not list(tmp_path.glob("**/*.db"))
