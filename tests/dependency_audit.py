"""Look for known holes in what the lock pins, and for anything installed that it does not pin.

Run by `make lint`. The advisories come from a service (OSV by pip-audit). Where it cannot be reached that is said, and
what needs no service is done all the same; with `--strict` it is a failure.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
OURS = "market-assets"
#: package -> the first version without a hole that is known to us, and the newest advisory that it closes
SAFE_FROM = {
    "aiohttp": ("3.13.4", "CVE-2026-22815"),
    "cryptography": ("46.0.5", "CVE-2026-26007"),
    "dash": ("2.15.0", "CVE-2024-21485"),
    "h11": ("0.16.0", "CVE-2025-43859"),
    "jinja2": ("3.1.6", "CVE-2025-27516"),
    "pip": ("25.3", "CVE-2025-8869"),
    "protobuf": ("6.31.1", "CVE-2025-4565"),
    "pyarrow": ("14.0.1", "CVE-2023-47248"),
    "requests": ("2.32.4", "CVE-2024-47081"),
    "scikit-learn": ("1.5.0", "CVE-2024-5206"),
    "setuptools": ("78.1.1", "CVE-2025-47273"),
    "starlette": ("1.0.1", "CVE-2026-48710"),
    "tqdm": ("4.66.3", "CVE-2024-34062"),
    "urllib3": ("2.7.0", "CVE-2026-44432"),
    "werkzeug": ("3.0.6", "CVE-2024-49767"),
    "zipp": ("3.19.1", "CVE-2024-5569"),
}
#: an index, a mirror or a file instead of a pinned release
_ADDRESS = re.compile(
    r"(?m)^\s*(?:-i\b|-f\b|-e\b|--(?:extra-)?index-url|--find-links|--trusted-host|--editable).*|^.*://.*$"
)
_TIMEOUT_S = 10


class Pin(NamedTuple):
    """One release that the lock names."""

    name: str
    version: str
    hashed: bool
    #: whether it is meant for this Python and system
    applies: bool


class Advice(NamedTuple):
    """What the advisory service said."""

    holes: list[str]
    #: why it did not say all; empty where it did
    unasked: str


def pins(lock: str) -> list[Pin]:
    """Every release of a lock; raises InvalidRequirement for a line that is none, ValueError for one without a pin."""
    found = []
    joined = re.sub(r"\\\n\s*", " ", lock)
    for line in joined.splitlines():
        if not re.match(r"[A-Za-z0-9]", line):
            continue
        stated, *hashes = line.split(" --hash=sha256:")
        wanted = Requirement(stated.strip())
        exact = [one.version for one in wanted.specifier if one.operator == "=="]
        if len(exact) != 1 or len(wanted.specifier) != 1:
            raise ValueError(f"the lock pins exact versions; was {stated.strip()!r}. Run: make lock")
        applies = wanted.marker is None or wanted.marker.evaluate()
        found.append(Pin(canonicalize_name(wanted.name), exact[0], bool(hashes), applies))
    return found


def faults_of(lock: str, installed: Mapping[str, str]) -> list[str]:
    """What is wrong with a lock, and with what is installed by it, that can be seen without a service."""
    found = [f"the lock names an address, {line.strip()!r}: releases come by name alone" for line in _addresses(lock)]
    if found:
        return found
    named = pins(lock)
    found += [f"{pin.name} {pin.version} has no hash in the lock. Run: make lock" for pin in named if not pin.hashed]
    for pin in named:
        safe, advisory = SAFE_FROM.get(pin.name, ("0", ""))
        if Version(pin.version) < Version(safe):
            found.append(f"{pin.name} {pin.version} has a known hole ({advisory}), closed in {safe}. Raise it")
    meant = {pin.name: pin.version for pin in named if pin.applies}
    for name, version in sorted(installed.items()):
        if name not in meant:
            found.append(f"{name} {version} is installed and the lock does not name it. Declare or uninstall it")
        elif Version(version) != Version(meant[name]):
            found.append(f"{name} {version} is installed where the lock names {meant[name]}. Run: make .venv/installed")
    found += [f"{name} of the lock is not installed. Run: make .venv/installed" for name in meant.keys() - installed]
    return found


def _addresses(lock: str) -> list[str]:
    return [line for line in _ADDRESS.findall(lock) if not line.lstrip().startswith("#")]


def installed_here() -> dict[str, str]:
    """Name -> version of every package of this environment, ours aside."""
    found = {canonicalize_name(one.metadata["Name"]): one.version for one in metadata.distributions()}
    return {name: version for name, version in found.items() if name != OURS}


def broken_here() -> list[str]:
    """What pip says about packages that do not fit together."""
    told = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    return told.stdout.splitlines() if told.returncode else []


def ask(lock: Path, service: str | None = None) -> Advice:
    """The holes that the advisory service knows in the releases of a lock; `service` is its address, OSV by default."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--disable-pip", "--require-hashes"]
    command += ["--vulnerability-service", "osv", "--timeout", str(_TIMEOUT_S)]
    command += ["--format", "json", "--progress-spinner", "off", "--desc", "off"]
    if service is not None:
        command += ["--osv-url", service]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        answered = json.loads(told.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        last = told.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        return Advice([], last[0])
    holes = [
        f"{one['name']} {one['version']} has a known hole ({hole['id']}), "
        f"closed in {', '.join(hole['fix_versions']) or 'no version yet'}"
        for one in answered
        for hole in one.get("vulns", [])
    ]
    spoken_of = {canonicalize_name(one["name"]) for one in answered if "skip_reason" not in one}
    silent = sorted({pin.name for pin in pins(lock.read_text()) if pin.applies} - spoken_of)
    return Advice(holes, f"it did not speak of {', '.join(silent)}" if silent else "")


def main(arguments: Sequence[str] | None = None, installed: Mapping[str, str] | None = None) -> int:
    """Audit; 0 where nothing is wrong."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lock", type=Path, default=LOCK, help="the lock to look at")
    options.add_argument("--service", help="address of the advisory service; OSV by default")
    options.add_argument("--strict", action="store_true", help="fail where the service cannot be asked")
    given = options.parse_args(arguments)
    lock = given.lock.read_text()
    faults = faults_of(lock, installed_here() if installed is None else installed) + broken_here()
    advice = ask(given.lock, given.service)
    faults += advice.holes
    if advice.unasked:
        sys.stderr.write(
            f"the advisory service was not asked about everything: {advice.unasked}\n"
            f"Known holes were looked for in the {len(SAFE_FROM)} packages that tests/dependency_audit.py states; "
            f"run this again with the service in reach.\n"
        )
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    if faults or (given.strict and advice.unasked):
        return 1
    asked = "" if advice.unasked else " and by the advisory service"
    sys.stdout.write(
        f"{len(pins(lock))} pinned releases: hashed, installed as pinned, no known hole by our list{asked}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
