"""The always-on collector: what a venue pushes, kept whole, handed to the graph, shown at once.

    socket      one supervised WebSocket: silence, farewells, refusals, back-off
    minutes     which minutes of a symbol were handed over, and which have to be asked for
    landing     closed candles, in memory until they are stored where the graph finds them
    hot         the newest candles in a file that other processes read while it is written
    features    chart overlays of the running bar
    collector   the loop that ties them together; knows no venue
    crypto      the collector of the crypto domain

What a venue's frames look like belongs to `resources/vendors`. Dagster is not used here.
"""
