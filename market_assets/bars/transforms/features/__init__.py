"""Inputs of the alphas, one row a minute bar: one module a family, and `features`, which runs them all.

price        place among the last bars, and speed       trend        which way 5 and 15 minutes point
volume       how much, and how much of it was buying     volatility   range, compared with what was usual
correlation  how returns move with those of others      regime       trend, turning back, or neither
sentiment    what was said outside                      segment      what a family is computed on
runner       all of them, symbol by symbol and day by day
"""

from market_assets.bars.transforms.features.runner import features

__all__ = ["features"]
