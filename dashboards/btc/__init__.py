"""What the btc page and its plots endpoint draw. Pure: frames with `ts` in, plotly figures and numbers out."""
