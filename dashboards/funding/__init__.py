"""Plots and table shapes of the funding page: frames in, plotly figures or rows out. No I/O, no clock."""
