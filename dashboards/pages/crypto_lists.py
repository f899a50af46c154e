"""How tall a grid of the crypto page stands: as its rows need, up to a screenful that then scrolls."""

_HEAD, _ROW, _BAR, _MOST = 36, 32, 16, 12


def grid_height(n_rows: int) -> dict[str, str]:
    """The style of a grid's place for that many rows."""
    return {"height": f"{_HEAD + _ROW * min(n_rows, _MOST) + _BAR}px"}
