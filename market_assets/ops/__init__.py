"""The graph's own upkeep: gaps and their repair, the condition of every table and day, backups, what is thinned out.

One row of `ops_condition` is one table and day: ok, degraded, missing or late, by its checks. One row of `ops_gaps` is
one hole of an observed table, with its kind and what repairing it costs. Nothing here asks a vendor.
Beside the tables: `automation`, `standstill` and `rollback` are what an operator does in an emergency.
Tables: ops_gaps, ops_condition, ops_backup, ops_restore_drill, ops_retention.
"""
