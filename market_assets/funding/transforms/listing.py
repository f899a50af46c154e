"""Contracts from looks at the listing: which perpetuals there were, under which terms, from when to when.

A look names every perpetual that is open for trading. Looks are kept run-length encoded (`SEEN`): a row says that
a contract was seen with these facts from `first_at` to `last_at`, at every look in between. What comes in is looks
as they were made (first_at = last_at), what `merged` made of all looks up to some instant, or that and later looks.
"""

from datetime import timedelta

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.funding.schemas import FundingContracts
from market_assets.funding.settings import FundingSettings
from market_assets.funding.transforms import naming
from market_assets.funding.transforms.symbols import told_apart

#: one row is one contract, seen unchanged at every look from first_at to last_at
SEEN = pl.Schema(
    {
        "exchange": pl.String(),
        "native_symbol": pl.String(),
        "request_id": pl.String(),
        "native_base": pl.String(),
        "quote": pl.String(),
        "settle": pl.String(),
        "kind": pl.String(),
        "contract_size": pl.Float64(),
        "oi_unit": pl.String(),
        "interval_hours": pl.Float64(),
        "listed_at": UTC_MICROS,
        #: `naming.price_ratios`, the last one known of these looks; null where no check was possible
        "price_ratio": pl.Float64(),
        "first_at": UTC_MICROS,
        "last_at": UTC_MICROS,
    }
)
#: a contract unseen for so long is closed
CLOSED_AFTER = timedelta(hours=24)
_CONTRACT = ("exchange", "native_symbol")
#: what a look says of a contract
_FACTS = tuple(name for name in SEEN if name not in {*_CONTRACT, "price_ratio", "first_at", "last_at"})
#: a change of any makes a new row
_TERMS = ("symbol", "base_asset", "multiplier", "quote", "settle", "kind", "contract_size", "oi_unit", "interval_hours")


def merged(seen: pl.DataFrame) -> pl.DataFrame:
    """`seen` (SEEN) in as few rows as tell the same: consecutive looks with equal facts are one row, sorted.

    Looks are the instants that any row of the exchange begins or ends with. Rows of a contract join unless a look
    without it, or with other facts, lies between them; so that a look that misses a contract is not forgotten, one
    of the contracts it has begins a row with it. Prices change at every look: they are equal while they pass the
    check alike, and the last known stays. Rows that were merged before and later looks may be given together.
    """
    runs = _in_sequence(seen)
    facts = pl.struct(*_FACTS, verdict=naming.agrees(_last_ratio()))
    continues = pl.col("is_next") & facts.eq_missing(facts.shift(1).over(_CONTRACT)) & pl.col("is_witness").is_null()
    return (
        runs.join(_witnesses(runs), on=[*_CONTRACT, "first_at"], how="left", maintain_order="left", validate="m:1")
        .with_columns(run=(~continues).cum_sum().over(_CONTRACT))
        .group_by(*_CONTRACT, "run", maintain_order=True)
        .agg(
            pl.col(_FACTS).last(),
            pl.col("price_ratio").drop_nulls().last(),
            pl.col("first_at").min(),
            pl.col("last_at").max(),
        )
        .select(list(SEEN))
    )


def contracts(seen: pl.DataFrame, funding: FundingSettings) -> pl.DataFrame:
    """FundingContracts of one or more exchanges from all looks at their listings (SEEN, in any order).

    Names follow `naming`, by the last price check up to then. A row begins where terms change. A contract that a
    look was without is closed at its last look (valid_to: from then on it is not known to be listed) once 24 h
    have passed or another contract has its symbol; if it comes back, a new row begins. A contract's first row
    reaches back to listed_at where that is stated, yet not before another one left the symbol. Of contracts seen
    under one symbol at a time only the first has it, see `symbols.told_apart`.
    """
    named = naming.effective(naming.identify(_in_sequence(seen), funding).with_columns(price_ratio=_last_ratio()))
    runs = told_apart(named.with_columns(spell=_comes_back().cum_sum().over(_CONTRACT), symbol=naming.symbol_of()))
    terms = pl.struct(*_TERMS, "spell")
    rows = (
        runs.with_columns(row=terms.ne_missing(terms.shift(1).over(_CONTRACT)).cum_sum().over(_CONTRACT))
        .group_by(*_CONTRACT, "row", maintain_order=True)
        .agg(
            pl.col(*_TERMS, "spell", "request_id", "price_ratio", "multiplier_verified").last(),
            pl.col("listed_at").drop_nulls().first(),
            first_seen=pl.col("first_at").min(),
            last_seen=pl.col("last_at").max(),
        )
    )
    contract = FundingContracts.contract()
    valid = _with_validity(rows).join(_exchanges(rows, funding), on="exchange", how="left")
    return contract.conform(valid.select(list(contract.columns)))


def _exchanges(rows: pl.DataFrame, funding: FundingSettings) -> pl.DataFrame:
    """What the settings say of each exchange: exchange, venue, taker_fee_bps."""
    names = rows["exchange"].unique().sort()
    told = [(name, funding.venue_of(name), funding.taker_fee_bps.of(name)) for name in names]
    schema = {"exchange": pl.String, "venue": pl.String, "taker_fee_bps": pl.Float64}
    return pl.DataFrame(told, schema=schema, orient="row")


def _in_sequence(seen: pl.DataFrame) -> pl.DataFrame:
    """Rows by contract and time; `last_end`: end of those before, `is_next`: no look lies between it and the row."""
    runs = seen.select(list(SEEN)).unique().sort(*_CONTRACT, "first_at", "last_at", *_FACTS, "price_ratio")
    follows = (pl.col("first_at") <= pl.col("last_end")) | (pl.col("first_at") == pl.col("next_look"))
    return (
        runs.with_columns(last_end=pl.col("last_at").cum_max().shift(1).over(_CONTRACT))
        .join(
            _looks(runs),
            left_on=["exchange", "last_end"],
            right_on=["exchange", "look"],
            how="left",
            maintain_order="left",
        )
        .with_columns(is_next=follows.fill_null(False))
        .drop("next_look")
    )


def _looks(runs: pl.DataFrame) -> pl.DataFrame:
    """exchange, look (each instant a row begins or ends with), next_look (the one after)."""
    instants = [runs.select("exchange", look=name) for name in ("first_at", "last_at")]
    looks = pl.concat(instants).unique().sort("exchange", "look")
    return looks.with_columns(next_look=pl.col("look").shift(-1).over("exchange"))


def _witnesses(runs: pl.DataFrame) -> pl.DataFrame:
    """Of each look that misses a contract the first contract it has: exchange, native_symbol, first_at, is_witness."""
    following = pl.col("first_at").shift(-1).over(_CONTRACT)
    missed = (
        runs.with_columns(following=following)
        .join(_looks(runs), left_on=["exchange", "last_at"], right_on=["exchange", "look"])
        .filter(pl.col("next_look").is_not_null(), pl.col("following").ne_missing(pl.col("next_look")))
        .select("exchange", first_at="next_look")
        .unique()
    )
    present = runs.select(*_CONTRACT, "first_at").unique().join(missed, on=["exchange", "first_at"], how="semi")
    return present.group_by("exchange", "first_at").agg(pl.col("native_symbol").min(), is_witness=pl.lit(True))


def _last_ratio() -> pl.Expr:
    return pl.col("price_ratio").forward_fill().over(_CONTRACT)


def _comes_back() -> pl.Expr:
    """Whether a contract was closed between its row before and this one."""
    return (~pl.col("is_next") & (pl.col("first_at") - pl.col("last_end") >= CLOSED_AFTER)).fill_null(False)


def _with_validity(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` (by contract and time) with valid_from and valid_to."""
    following = pl.col("first_seen").shift(-1).over(_CONTRACT)
    in_spell = pl.col("spell").shift(-1).over(_CONTRACT) == pl.col("spell")
    unseen = pl.col("last_seen").max().over("exchange") - pl.col("last_seen") >= CLOSED_AFTER
    # a contract's own rows of the symbol begin before its last look
    is_taken = pl.col("first_seen").max().over("exchange", "symbol") > pl.col("last_seen")
    is_closed = following.is_not_null() | unseen | is_taken
    is_first = pl.col("first_seen") == pl.col("first_seen").min().over(_CONTRACT)
    left = pl.col("valid_to").cum_max().shift(1).over("exchange", "symbol", order_by="first_seen")
    since = pl.max_horizontal(pl.min_horizontal("listed_at", "first_seen"), left)
    return rows.with_columns(valid_to=pl.when(in_spell).then(following).when(is_closed).then("last_seen")).with_columns(
        valid_from=pl.when(is_first).then(since).otherwise("first_seen")
    )
