"""What is thinned out, by `settings.retention`, and nothing that it does not name.

job         what a kind is given, and what it tells
raw         raw responses                    versions    superseded versions of partitions
events      runs of Dagster and their events ticks       ticks of schedules and sensors
logs        log files, compute logs          segments    what a stream handed over and no run published
tables      partitions past their table's days
exchanges   the funding rows of an exchange that is asked no more
thinning    all of them, one row each
"""

from resources.retention.thinning import BROKE_OFF, thin_out

__all__ = ["BROKE_OFF", "thin_out"]
