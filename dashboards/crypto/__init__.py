"""Figures and frames of the crypto page. Pure: frames in, figures and frames out."""
