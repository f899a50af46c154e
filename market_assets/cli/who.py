"""Who runs a command."""

import getpass
import os
import platform


def who() -> str:
    """The person and the machine, as `name@machine`."""
    # a container may run under a number that nobody has given a name
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"{name}@{platform.node()}"
