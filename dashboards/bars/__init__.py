"""The bars page's frames, figures and tables. Pure: frames in, figures and components out."""
