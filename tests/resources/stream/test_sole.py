"""One collector per home and domain."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from resources.stream.sole import AlreadyRunning, sole


def test_the_second_is_told_who_the_first_is(tmp_path: Path) -> None:
    """While a process holds it another is refused with its pid; afterwards it is free, whatever the file says."""
    path = tmp_path / "state" / "stream.lock"
    program = (
        "import sys; from pathlib import Path; from resources.stream.sole import sole\n"
        f"with sole(Path({str(path)!r}), 'the stream'): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        told = rf"the stream runs already for this home, as process {holder.pid}\."
        with pytest.raises(AlreadyRunning, match=told), sole(path, "the stream"):
            pass
    finally:
        holder.kill()
        holder.wait()
    with sole(path, "the stream"):
        assert path.read_text() == f"{os.getpid()}\n"
