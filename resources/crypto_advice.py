"""Second opinions on tradeable signals: each question is put to the model once, and its reply kept."""

import logging
from collections.abc import Callable

import polars as pl

from market_assets.crypto.transforms.advice import Answer, Prompt, advice_rows
from market_assets.settings import Settings
from resources.advice_cache import AdviceCache
from resources.http.errors import BadRequest, NotEntitled, NotFound, Unauthorized, VendorError
from resources.vendors.advisor import Advisor, OutOfCredit
from resources.vendors.registry import Vendors

log = logging.getLogger(__name__)

#: asking again would be answered the same way
_REFUSED = (Unauthorized, OutOfCredit, BadRequest, NotEntitled, NotFound)


def advise(
    settings: Settings,
    vendors: Vendors,
    signals: pl.DataFrame,
    overlays: pl.DataFrame | None = None,
    sentiment: pl.DataFrame | None = None,
    paper: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Rows of CryptoAdvice for the tradeable rows of `signals`; `paper` are rows of crypto_paper_trades.

    What is not given is unknown to the model. Where it is switched off, has no key, or fails, the stand-in speaks,
    labelled `rule`; no failure of the vendor is raised.
    """
    advisor = vendors.advisor
    ask = asking(advisor, AdviceCache(settings.home)) if advisor is not None else None
    return advice_rows(signals, overlays, sentiment, paper, settings.crypto, ask)


def asking(advisor: Advisor, cache: AdviceCache) -> Callable[[Prompt], Answer]:
    """Asks `advisor` what it has not answered yet; a vendor's failure becomes an answer without text."""

    def ask(question: Prompt) -> Answer:
        said = cache.get(question.hash)
        if said is None:
            try:
                said = advisor.ask(question.text, f"{question.call} {question.context}")
            except VendorError as failed:
                log.warning("%s The rules stand in", failed)
                return Answer("refused" if isinstance(failed, _REFUSED) else "unavailable")
            said = cache.put(question.hash, said)
        return Answer("ok", said.content, said.raw_reply_ref, said.latency_ms)

    return ask
