"""What the project costs, measured: `python -m benchmarks.run`, or `make bench`.

Here belongs a module per subject (those of `run.SUBJECTS`) and what it needs beside; each
measures ours and a peer in the same run, on the same machine, and compares the results where both
give any. A peer is what one would write or use instead, in good style: it is never made slow. Goals
are those of the design; a missed goal is told, never a failure: timings are no tests.
"""
