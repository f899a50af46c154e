"""Operations: the condition of every table and day, gaps and their repair, backups and what was thinned out."""

from dashboards.pages import ops_condition, ops_gaps, ops_upkeep, tabs
from market_assets.ops.schemas import TABLES

REFRESH_MS = 10_000

#: last part of the path -> name and module of the tab
TABS: tabs.Tabs = {
    "": ("Condition", ops_condition),
    "gaps": ("Gaps", ops_gaps),
    "upkeep": ("Backups and retention", ops_upkeep),
}

PAGE = tabs.page_of("ops", TABS, [table.contract().name for table in TABLES], REFRESH_MS)
