"""What an operator does in an emergency: bring everything to a standstill, go on again, take data back.

    marker        the file that says that this home stands still, and what ran before
    automation    schedules and sensors, off and on again
    standstill    all of it in order: automation, queue, runs, collectors
    rollback      older versions published anew

Backups are `resources/backup`. Nothing here is of one domain.
"""
