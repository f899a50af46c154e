"""Make the browser that the tests look at pages with present, or say clearly that it is not.

Run by `make test`. Chromium comes from the system's packages, because a wheel does not carry it.
"""

import os
import shutil
import subprocess
import sys

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    if any(shutil.which(name) for name in BROWSERS):
        return
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        subprocess.run([apt, "update", "--quiet=2"], check=False)
        installed = subprocess.run([apt, "install", "--quiet=2", "--yes", "chromium", "fonts-dejavu-core"], check=False)
        if installed.returncode == 0 and shutil.which("chromium"):
            return
    sys.stderr.write(
        "chromium is not installed and could not be; the browser tests will be skipped. "
        "Install it with your system's packages (Debian: apt-get install chromium).\n"
    )


if __name__ == "__main__":
    main()
