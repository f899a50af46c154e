"""One vendor is one file: pure functions that read its bodies on top, then the class that asks.

Every vendor of daily bars takes an `Instrument` and gives `FetchedBars` (`daily.py`), so that the
fallback chain can put one in another's place. How requests travel (retry, budget, breaker, raw
store) is `resources/http`; which rows may be stored is the domain's business.
"""
