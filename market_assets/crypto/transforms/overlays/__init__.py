"""Chart overlays and features of closed bars: one module each, and `overlays`, which runs them all.

indicators   close and plain indicators            supertrend     band that a trend follows
chandelier   exits below and above extremes         liquidity      prices that traded most
order_flow   takers' buys less their sells          regime         trend or range, calm or not
alignment    whether timeframes agree               runner         all of them, day by day
given        what an overlay may look at            columns        from bars to arrays and back
meter        what a computation cost                volume_profile volume by price
"""

from market_assets.crypto.transforms.overlays.meter import Cost, Meter
from market_assets.crypto.transforms.overlays.runner import REGISTRY, Computed, overlays

__all__ = ["REGISTRY", "Computed", "Cost", "Meter", "overlays"]
