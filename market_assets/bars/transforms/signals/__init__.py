"""Signals: alphas that began to fire, what became of earlier ones, and what the new ones are worth.

alphas     when each fires, thresholds of both profiles     levels    stop, targets and expected shortfall
outcomes   how one signal ended                              scoring   Q*, grade, reasons to reject
runner     the days asked for, each from its own 30 days of history
"""

from market_assets.bars.transforms.signals.runner import Signalled, signals

__all__ = ["Signalled", "signals"]
