"""Pure functions of the ops domain: values and frames in, values and frames out."""
