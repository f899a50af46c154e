"""Names that columns had before: readers take them where a column is asked for, and answer with the stored name."""

from collections.abc import Iterable, Sequence

from market_assets.core.errors import UnknownName

#: earlier name -> stored name
LEGACY = {
    "time": "ts",
    "futures_long_liquidations": "long_liquidations",
    "futures_short_liquidations": "short_liquidations",
    "lld_normal": "long_share",
    "fll_normal": "long_volume",
    "fsl_normal": "short_volume",
    "diff_ls_normal": "net_volume",
    "lld_cwt": "trend_share",
    "fll_cwt": "trend_long",
    "fsl_cwt": "trend_short",
    "lld_cwt_kf": "kalman_share",
    "fll_cwt_kf": "kalman_long",
    "fsl_cwt_kf": "kalman_short",
    "diff_ls_cwt_kf": "kalman_diff",
    "diff_ls_smooth": "diff_smooth",
    "lld_cwt_kf_smooth": "rpn_smooth",
    "delta_fll": "delta_long",
    "delta_fsl": "delta_short",
    "diff_beta_8": "diff_beta",
}


def stored_names(asked: Sequence[str], known: Iterable[str], kind: str) -> list[str]:
    """The stored names of the columns `asked` for, each once. Raises UnknownName for one that is not in `known`."""
    columns = list(known)
    names = list(dict.fromkeys(LEGACY.get(name, name) for name in asked))
    for name in names:
        if name not in columns:
            raise UnknownName(f"column of {kind}", name, columns)
    return names
