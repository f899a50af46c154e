"""Pure functions of the btc domain: frames in, frames out.

raw          versions of observed hours: which is in use, which hour is final
processed    short gaps, outliers, shares          integrity    what of a span is present
trend        end-point wavelet filter              kalman       forward-only local level
rpn          trend, filter, share of longs         bin_models   weekly edges of the share
bins         bin, momentum, extremes               dominance    which side is liquidated
signals      exhaustion, reversal, class           labels       outcomes, once known
training     features with outcomes               splits       training rows without leaks
performance  realised quality                     state        what an incremental day continues from
grid, outliers, robust, clusters, bin_path, episodes, provenance: parts of the above
"""
