"""Judgements about indicators and features: complete, sound, causal, and the same one bar at a time."""

from collections.abc import Mapping, Sequence

import polars as pl

from market_assets.bars.schemas import VALUES
from market_assets.core.checks import Judgement, error_unless, warn_unless
from market_assets.core.judgements import SAME, apart, recomputed_alike, rows_matched

_KEY = ["symbol", "ts"]
NULL_WARN = 0.20
#: index of the first bar of a segment that has the value (spec common 7)
FIRST: Mapping[str, int] = {
    "ema_9": 8,
    "ema_20": 19,
    "ema_50": 49,
    "ema_200": 199,
    "rsi_14": 14,
    "bb_upper": 19,
    "bb_mid": 19,
    "bb_lower": 19,
    "atr_14": 14,
    "macd_line": 25,
    "macd_signal": 33,
    "macd_hist": 33,
    "momentum_10": 10,
}
#: bars from which every feature that needs no volume, session or other symbol is there
_WARM = 751
_ONE_HOT = ("regime_trend", "regime_revert", "regime_choppy")
#: null by what the instrument is, or for lack of an outside source
_MAY_LACK = frozenset(
    {
        "rvol",
        "volume_trend",
        "bvc_delta_proxy",
        "cvd_proxy",
        "cvd_ratio_proxy",
        "vpin_proxy",
        "vwap_distance",
        "usd_index_z",
        "vix_z",
        "ust10y_z",
        "ust2y_z",
        "yield_curve",
        "sentiment",
        "corr_nas100",
        "corr_xauusd",
        "corr_eurusd",
    }
)


#: bars of the mean volume
MEAN_OF = 20


def one_row_a_bar(frame: pl.DataFrame, minutes: pl.DataFrame) -> Judgement:
    """Every minute has one row, and every row its minute."""
    return rows_matched(frame, minutes, _KEY)


def bands_ordered(frame: pl.DataFrame) -> Judgement:
    """The lower band lies at or below the middle, the upper at or above it."""
    wrong = frame.filter(~((pl.col("bb_lower") <= pl.col("bb_mid")) & (pl.col("bb_mid") <= pl.col("bb_upper"))))
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select(*_KEY, "bb_lower", "bb_mid", "bb_upper"))


def blind(minutes: pl.DataFrame) -> pl.DataFrame:
    """symbol, ts of the bars (BarsMinute) with an unknown volume among the 20 whose mean they have, their own included.

    A collector that joined within a minute knows its price and not its volume.
    """
    unknown = pl.col("volume").is_null().cast(pl.Int8)
    among = unknown.rolling_sum(MEAN_OF, min_samples=1).over("symbol")
    return minutes.sort("symbol", "ts").filter(among > 0).select("symbol", "ts")


def nulls_in_warm_up(frame: pl.DataFrame, without_volume: Sequence[str], blind_at: pl.DataFrame) -> Judgement:
    """A value is null only before its first bar; VWAP and mean volume also where a volume is not measured."""
    too_late = [
        (pl.col(name).is_null() & (pl.col("bars_in_segment") > first)).alias(name) for name, first in FIRST.items()
    ]
    volume = (
        ~pl.col("symbol").is_in(list(without_volume))
        & (pl.col("bars_in_segment") > MEAN_OF)
        & pl.col("is_blind").is_null()
    )
    known = blind_at.with_columns(is_blind=True)
    counted = (
        frame.join(known, on=["symbol", "ts"], how="left", maintain_order="left")
        .select(*too_late, (volume & pl.col("volume_ma_20").is_null()).alias("volume_ma_20"))
        .sum()
    )
    wrong = {name: n for name, n in counted.row(0, named=True).items() if n} if frame.height else {}
    return error_unless(not wrong, wrong=str(wrong))


def replay_agrees(replayed: tuple[pl.DataFrame, pl.DataFrame]) -> Judgement:
    """The live engine, bar by bar, gives the stored values of the last 500 bars, to 1e-9."""
    stored, live = replayed
    differing = {name: worst for name in VALUES if (worst := apart(stored[name], live[name])) > SAME}
    return error_unless(not differing, "RUNBOOK: replay_agrees", compared=stored.height, apart=str(differing))


def regime_one_hot(frame: pl.DataFrame) -> Judgement:
    """Exactly one regime holds, or none is known."""
    known = pl.sum_horizontal(pl.col(name).is_not_null().cast(pl.Int8) for name in _ONE_HOT)
    total = pl.sum_horizontal(pl.col(name) for name in _ONE_HOT)
    wrong = frame.filter(~((known == 0) | ((known == len(_ONE_HOT)) & (total == 1))))
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select(*_KEY, *_ONE_HOT))


def no_look_ahead(frame: pl.DataFrame, truncated: pl.DataFrame) -> Judgement:
    """Rows computed without the later half of a day's minutes are those that are stored."""
    return recomputed_alike(frame, truncated, _KEY)


def nulls_few(frame: pl.DataFrame, history: pl.DataFrame) -> Judgement:
    """Of no feature more than 20 % are null once the look-back holds what it needs.

    Not judged is what the instrument cannot have, or an outside source has to bring. `history`: symbol, ts and
    bars_in_segment of the indicators.
    """
    warm = frame.join(history.filter(pl.col("bars_in_segment") >= _WARM), on=_KEY, how="semi")
    judged = [name for name, dtype in frame.schema.items() if dtype == pl.Float64 and name not in _MAY_LACK]
    shares = warm.select(pl.col(judged).is_null().mean()).row(0, named=True) if warm.height else {}
    many = {name: round(share, 3) for name, share in shares.items() if share > NULL_WARN}
    return warn_unless(not many, "RUNBOOK: nulls_few", rows_judged=warm.height, above=str(many))
