"""What a sensor of a test needs: a job that does nothing."""

import dagster as dg


@dg.op
def nothing() -> None:
    return None


@dg.job
def idle() -> None:
    nothing()


@dg.sensor(job=idle)
def follow() -> None:
    return None
