"""Pure functions of the crypto domain: frames in, frames out."""
