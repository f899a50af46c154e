"""The live collector of minute bars: it asks every source as often as its budget allows, and shows a second's state.

    watched      which instrument is asked for where, for which symbols, and when its market is open
    pace         how often a budget lets a source be asked
    pollers      one per source, in threads of its own: a slow or dead source delays nothing
    builder      quotes become minute bars, by the source's own instants
    ring         the last closed bars, in memory
    live_values  the 16 values of the closed and of the forming bar
    filling      what quotes did not bring, by REST
    cycle        one second: take, build, compute, show
    showing      the second in the hot cache, and older bars that it lacks
    collector    the loop around it, and its beginning and end
    assembly     all of it by the settings, and what it begins with
    redis_hot    the same in Redis, written beside the loop
    reading      what readers see: Redis, or the file

What no source said is never made up: a minute without quotes makes no bar, an old price keeps its age.
"""
