"""Which house asset a native base is, and in which multiple: 1000PEPE and kPEPE are both a thousand PEPE.

Curated names are known. A name that only looks prefixed is a candidate: 1000X may be a thousand X or an asset
of that name, and its price decides which.
"""

import polars as pl

from market_assets.funding.settings import FundingSettings

#: a name holds where the price per unit is this near that of the other exchanges (share)
PRICE_TOLERANCE = 0.05
#: fewer other exchanges tell no price
MIN_OTHERS = 2
#: float noise at the edge of the tolerance
_EDGE = 1e-9
#: longest first: 10000SATS is ten thousand SATS, not a thousand 0SATS
_PREFIXES = {"1000000": 1e6, "100000": 1e5, "10000": 1e4, "1000": 1e3, "1M": 1e6, "1K": 1e3}
_NUMERIC = rf"^({'|'.join(_PREFIXES)})([^0-9].*)$"
#: who spells a thousand as a lower-case k before an upper-case name
_LOWER_K_EXCHANGES = ("hyperliquid", "backpack", "lighter")
_LOWER_K = r"^k([A-Z][A-Z0-9]*)$"
_NATIVE = ("exchange", "native_base")


def identify(listed: pl.DataFrame, funding: FundingSettings) -> pl.DataFrame:
    """`listed` (exchange, native_base, ...) with base_asset, multiplier, is_curated and is_candidate, in its order.

    A candidate's base_asset and multiplier are those it would have; `effective` decides whether it has them.
    """
    numeric = pl.col("native_base").str.extract_groups(_NUMERIC)
    prefix, remainder = numeric.struct.field("1"), numeric.struct.field("2")
    of_k = pl.when(pl.col("exchange").is_in(_LOWER_K_EXCHANGES)).then(pl.col("native_base").str.extract(_LOWER_K))
    would_be = pl.coalesce(remainder, of_k)
    is_curated = pl.col("curated_base").is_not_null()
    return (
        listed.join(_curated(funding), on=_NATIVE, how="left", maintain_order="left", validate="m:1")
        .with_columns(
            base_asset=pl.coalesce("curated_base", would_be.str.to_uppercase(), _native_name()),
            multiplier=pl.coalesce(
                "curated_multiplier",
                prefix.replace_strict(_PREFIXES, default=None, return_dtype=pl.Float64),
                pl.when(of_k.is_not_null()).then(1e3),
                pl.lit(1.0),
            ),
            is_curated=is_curated,
            is_candidate=~is_curated & would_be.is_not_null(),
        )
        .drop("curated_base", "curated_multiplier")
    )


def effective(identified: pl.DataFrame) -> pl.DataFrame:
    """The names in force: `identified` rows with price_ratio -> base_asset, multiplier, multiplier_verified.

    price_ratio is the last one known. A candidate needs one within the tolerance, else it keeps its native name; a
    plain name is doubted only by one outside; a curated one never.
    """
    holds = agrees(pl.col("price_ratio"))
    is_native = pl.col("is_candidate") & ~holds.fill_null(False)
    verified = pl.when("is_curated").then(True).when("is_candidate").then(holds.fill_null(False))
    return identified.with_columns(
        base_asset=pl.when(is_native).then(_native_name()).otherwise("base_asset"),
        multiplier=pl.when(is_native).then(1.0).otherwise("multiplier"),
        multiplier_verified=verified.otherwise(holds.fill_null(True)),
    )


def agrees(price_ratio: pl.Expr) -> pl.Expr:
    """Whether a price ratio is within the tolerance; null where there is none."""
    return (price_ratio - 1.0).abs() <= PRICE_TOLERANCE + _EDGE


def price_ratios(listed: pl.DataFrame, marks: pl.DataFrame, funding: FundingSettings) -> pl.DataFrame:
    """Price per unit of base_asset over the median of the other exchanges: exchange, native_symbol, price_ratio.

    `listed`: the newest listings of all exchanges (exchange, native_symbol, native_base, quote); `marks`: exchange,
    native_symbol, mark_price. Of each other exchange that lists the base under a plain or curated name the median of
    its contracts counts; null where fewer than two do, where the mark is unknown or not in dollars. One row per
    contract, sorted.
    """
    contract = ["exchange", "native_symbol"]
    has_price = in_dollars() & (pl.col("mark_price") > 0)
    priced = (
        identify(listed, funding)
        .join(marks.select(*contract, "mark_price"), on=contract, how="left", maintain_order="left", validate="1:1")
        .with_columns(price=pl.when(has_price).then(pl.col("mark_price") / pl.col("multiplier")))
    )
    references = (
        priced.filter(~pl.col("is_candidate") & pl.col("price").is_not_null())
        .group_by("base_asset", other="exchange")
        .agg(reference=pl.col("price").median())
    )
    compared = (
        priced.select(*contract, "base_asset", "price")
        .join(references, on="base_asset")
        .filter(pl.col("other") != pl.col("exchange"))
        .group_by(contract)
        .agg(median=pl.when(pl.len() >= MIN_OTHERS).then(pl.col("reference").median()))
    )
    return (
        priced.join(compared, on=contract, how="left")
        .select(*contract, price_ratio=pl.col("price") / pl.col("median"))
        .sort(contract)
    )


def in_dollars() -> pl.Expr:
    """Whether the column quote is the dollar or one of the coins worth one: USDT, USDC, FDUSD, ..."""
    return pl.col("quote").str.contains("USD")


def symbol_of() -> pl.Expr:
    """House name `{multiplier}{BASE}-{QUOTE}-PERP`, with `.INV` for an inverse contract; a multiplier of 1 is not told.

    Of the columns multiplier, base_asset, quote and kind.
    """
    times = pl.col("multiplier")
    whole = times.cast(pl.Int64, strict=False)
    prefix = pl.when(times == whole).then(whole.cast(pl.String)).otherwise(times.cast(pl.String))
    inverse = pl.when(pl.col("kind") == "inverse").then(pl.lit(".INV")).otherwise(pl.lit(""))
    unless_one = pl.when(times == 1).then(pl.lit("")).otherwise(prefix)
    return pl.concat_str(unless_one, "base_asset", pl.lit("-"), "quote", pl.lit("-PERP"), inverse)


def _native_name() -> pl.Expr:
    return pl.col("native_base").str.to_uppercase()


def _curated(funding: FundingSettings) -> pl.DataFrame:
    """exchange, native_base, curated_base, curated_multiplier: the first override of each name."""
    rows = [(row.exchange, row.native_base, row.base_asset.upper(), row.multiplier) for row in funding.overrides]
    schema = {"exchange": pl.String, "native_base": pl.String, "curated_base": pl.String}
    return pl.DataFrame(rows, schema={**schema, "curated_multiplier": pl.Float64}, orient="row").unique(
        _NATIVE, keep="first", maintain_order=True
    )
