"""Judgements about processed volumes, the RPN, bins and dominance."""

import polars as pl

from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms.integrity import IntegrityReport
from market_assets.core.checks import Judgement, error_unless, warn_unless

_CLOSE = 1e-9
INTEGRITY_ERROR, INTEGRITY_WARN = 0.70, 0.99
FILLED_SHARE, OUTLIER_SHARE, NULL_SHARE, CLIPPED_SHARE = 0.02, (0.01, 0.20), 0.01, 0.01
BIN_SHARE, HOURS_WITHOUT_MODEL, SIDE_SHARE = 0.40, 24, (0.05, 0.35)
_MONTH_HOURS = 720


def volumes_add_up(frame: pl.DataFrame) -> Judgement:
    """total = long + short and net = long - short; an hour in a gap has no shares."""
    wrong = frame.filter(
        _apart("total_volume", pl.col("long_volume") + pl.col("short_volume"))
        | _apart("net_volume", pl.col("long_volume") - pl.col("short_volume"))
        | (pl.col("is_gap") & pl.any_horizontal(pl.col("total_volume", "net_volume", "long_share").is_not_null()))
        | (pl.col("is_gap") != pl.any_horizontal(pl.col("long_filled", "short_filled").is_null()))
    )
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.drop("available_at", "feature_version"))


def integrity(report: IntegrityReport, accepts_gaps: bool) -> Judgement:
    """The day that ends at the newest row scores above 0.70 for integrity; run tag btc/accept_gap lets less pass."""
    score = report.overall_score
    grave = score <= INTEGRITY_ERROR and not accepts_gaps
    judge = error_unless if grave else warn_unless
    return judge(
        score >= INTEGRITY_WARN,
        overall_score=score,
        completeness=report.completeness,
        n_missing=report.n_missing,
        expected=report.expected,
        longest_gap_hours=report.longest_gap_hours,
        accepted_by_tag=accepts_gaps,
    )


def filled_share(trailing: pl.DataFrame) -> Judgement:
    """Over the trailing 30 days at most 2 % of the hours carry a value forward."""
    share = _mean(trailing.tail(_MONTH_HOURS), pl.col("is_filled"))
    return warn_unless(share is None or share <= FILLED_SHARE, share=share, allowed=FILLED_SHARE)


def outlier_share(trailing: pl.DataFrame, btc: BtcSettings) -> Judgement:
    """Over the outlier window 1 to 20 % of the hours are outliers."""
    window, (low, high) = btc.preprocess.outlier_window_hours, OUTLIER_SHARE
    shares = {side: _mean(trailing.tail(window), pl.col(f"is_outlier_{side}")) for side in ("long", "short")}
    judged = trailing.height >= window
    inside = all(share is None or low <= share <= high for share in shares.values())
    return warn_unless(not judged or inside, "", **shares, hours=min(trailing.height, window))


def shares_agree(frame: pl.DataFrame) -> Judgement:
    """total and diff are sum and difference of the levels, and kalman_diff_share = 2 RPN - 1."""
    wrong = frame.filter(
        _apart("kalman_total", pl.col("kalman_long") + pl.col("kalman_short"))
        | _apart("kalman_diff", pl.col("kalman_long") - pl.col("kalman_short"))
        | _apart("kalman_diff_share", 2 * pl.col("risk_priority_number") - 1)
        | (pl.max_horizontal(pl.col("^z_.*$").abs()) > 20)
    )
    return error_unless(
        wrong.is_empty(), n=wrong.height, rows=wrong.select("ts", "^kalman_.*$", "risk_priority_number")
    )


def known_once_warm(trailing: pl.DataFrame) -> Judgement:
    """Once the filters are warm at most 1 % of the trailing 30 days lack the RPN or a z-score."""
    warm = trailing.filter(pl.col("n_obs").cum_max() > 0).tail(_MONTH_HOURS)
    started = warm.height == _MONTH_HOURS and bool(warm["is_warm"][0])
    columns = ["risk_priority_number", "z_total", "z_diff_share", "z_long", "z_short"]
    worst = max((_mean(warm, pl.col(name).is_null()) or 0.0 for name in columns), default=0.0)
    return warn_unless(not started or worst <= NULL_SHARE, worst=worst, allowed=NULL_SHARE, hours=warm.height)


def clipped_share(trailing: pl.DataFrame) -> Judgement:
    """At most 1 % of the trailing trend rows lie at the bound that they were clipped to."""
    at_bound = (pl.col("trend_long") == 0) | (pl.col("trend_short") == 0) | pl.col("trend_share").is_in([0.0, 1.0])
    share = _mean(trailing.tail(_MONTH_HOURS), at_bound)
    return warn_unless(share is None or share <= CLIPPED_SHARE, share=share, allowed=CLIPPED_SHARE)


def models_sound(frame: pl.DataFrame, btc: BtcSettings) -> Judgement:
    """An ok model has increasing centers and edges within [0, 1], enough rows, all of them known when it was fitted."""
    ok = frame.filter(pl.col("status") == "ok")
    newest_known = pl.col("train_end") + btc.delay
    wrong = ok.filter(
        pl.any_horizontal(
            *(pl.col(name).list.diff(null_behavior="drop").list.min() <= 0 for name in ("centers", "edges")),
            *((pl.col(name).list.min() < 0) | (pl.col(name).list.max() > 1) for name in ("centers", "edges")),
            pl.col("edges").list.len() != btc.features.bin.n_clusters - 1,
            pl.col("n_train") < btc.features.bin.min_train_rows,
            newest_known > pl.col("ts"),
        ).fill_null(value=True)
    )
    return error_unless(wrong.is_empty(), n=wrong.height, ok=ok.height, rows=wrong.select("ts", "n_train", "train_end"))


def models_fitted(frame: pl.DataFrame, history: pl.DataFrame) -> Judgement:
    """Once there has been a model, every week has one."""
    first = history.filter(pl.col("status") == "ok")["ts"].min()
    without = frame.filter(pl.col("status") != "ok")
    late = without.clear() if first is None else without.filter(pl.col("ts") > first)
    return warn_unless(late.is_empty(), n=late.height, rows=late.select("ts", pl.col("status").cast(pl.String)))


def centers_steady(history: pl.DataFrame) -> Judgement:
    """No center moves by more than 0.10 from one model to the next."""
    ok = history.filter(pl.col("status") == "ok").sort("ts")
    moves = ok.select("ts", before=pl.col("centers").shift(1), after="centers").drop_nulls()
    moved = moves.with_columns(
        largest=(pl.col("after").list.eval(pl.element()) - pl.col("before")).list.eval(pl.element().abs()).list.max()
    ).filter(pl.col("largest") > 0.10)
    return warn_unless(moved.is_empty(), n=moved.height, rows=moved.select("ts", "largest"))


def bins_sound(frame: pl.DataFrame, btc: BtcSettings) -> Judgement:
    """Bins exist, their model was fitted before the hour, and momentum points in the direction of the path."""
    top = btc.features.bin.n_clusters - 1
    wrong = frame.filter(
        (pl.col("bin_index") > top)
        | (pl.col("model_time") > pl.col("ts"))
        | (pl.col("bin_momentum").abs() > top)
        | ((pl.col("bin_momentum") != 0) & (pl.col("bin_momentum").sign() != pl.col("bin_mm_direction")))
        | (pl.col("bin_index").is_null() == pl.col("bin_warm"))
    )
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.drop("available_at", "feature_version"))


def bins_used(trailing: pl.DataFrame, btc: BtcSettings) -> Judgement:
    """Over the trailing year every bin is used, and none for more than 40 % of the hours."""
    known = trailing["bin_index"].drop_nulls()
    year = btc.features.bin.train_hours
    counts = {n: int((known == n).sum()) for n in range(btc.features.bin.n_clusters)}
    judged = known.len() >= year // 2
    sound = all(0 < count <= BIN_SHARE * known.len() for count in counts.values())
    shares = ", ".join(f"{n}: {count / max(known.len(), 1):.3f}" for n, count in counts.items())
    return warn_unless(not judged or sound, shares=shares, hours=known.len())


def model_in_use(trailing: pl.DataFrame) -> Judgement:
    """Once there has been a model, no more than 24 hours in a row are without one."""
    after = trailing.filter(pl.col("bin_warm").cum_sum() > 0)
    without = int((~after["bin_warm"]).tail(_MONTH_HOURS).sum())
    return warn_unless(without <= HOURS_WITHOUT_MODEL, hours_without=without, allowed=HOURS_WITHOUT_MODEL)


def dominance_sound(frame: pl.DataFrame) -> Judgement:
    """Quantiles increase, and an hour that keeps a side has lasted at least two."""
    wrong = frame.filter(
        (pl.col("thr_q20") > pl.col("thr_q40"))
        | (pl.col("thr_q40") > pl.col("thr_q60"))
        | (pl.col("thr_q60") > pl.col("thr_q80"))
        | ((pl.col("is_keep") == 1) & (pl.col("dominance_duration") < 2))
    )
    return error_unless(wrong.is_empty(), n=wrong.height, rows=wrong.select("ts", "^thr_.*$", "^dominance.*$"))


def sides_balanced(trailing: pl.DataFrame, btc: BtcSettings) -> Judgement:
    """Over the trailing year each side dominates for 5 to 35 % of the hours."""
    known = trailing["dominance"].drop_nulls()
    low, high = SIDE_SHARE
    shares = {
        "bear": float((known == -1).sum()) / max(known.len(), 1),
        "bull": float((known == 1).sum()) / max(known.len(), 1),
    }
    judged = known.len() >= btc.features.dominance.window_hours // 2
    return warn_unless(
        not judged or all(low <= share <= high for share in shares.values()), "", **shares, hours=known.len()
    )


def _apart(name: str, expected: pl.Expr) -> pl.Expr:
    """Whether a column differs from what it must be by more than rounding, relative above 1."""
    return (pl.col(name) - expected).abs() > _CLOSE * pl.max_horizontal(pl.lit(1.0), pl.col(name).abs())


def _mean(frame: pl.DataFrame, what: pl.Expr) -> float | None:
    """Share of rows; None without any."""
    found: float | None = frame.select(what.mean()).item()
    return found
