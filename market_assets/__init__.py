"""The asset graph: one folder a domain, the same files in each.

    from market_assets import load_asset_value, scan_asset

reads any table of it, without Dagster.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from market_assets.values import load_asset_value, scan_asset

__all__ = ["load_asset_value", "scan_asset"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from market_assets import values  # here, because everything imports this package and few need polars

    return getattr(values, name)
