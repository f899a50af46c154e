"""What an operator does in an emergency: bring everything to a standstill, go on again, take data back.

    automation    schedules and sensors, off and on again
    standstill    all of it in order: automation, queue, runs, collectors
    rollback      older versions published anew

The file that says that a home stands still is `resources/stop_marker`, backups are `resources/backup`. Nothing
here is of one domain.
"""
