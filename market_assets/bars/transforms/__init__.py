"""Pure functions of the bars domain: frames in, frames out."""
