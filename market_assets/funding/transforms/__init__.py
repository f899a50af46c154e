"""Pure functions of the funding domain: frames in, frames out.

naming         which house asset a native base is      listing        contracts from looks at the listing
symbols        one house symbol, one contract          terms          the contract row in force at an instant
intervals      what interval ended with an event       rates          settled events, per hour, day and year
snapshot       looks at the current state              slots          when settlements are due
epochs         spells of listing, equal intervals      completeness   which due settlements are stored
statistics     where funding stands in its past        hourly         settled rates on an hourly grid
legs           which contract stands for an asset      spreads        hours in which two venues differ
opportunities  pairs of legs net of costs              health         one score of a round
gaps           days that can still be filled
spread_statistics  where a pair's spread stands in its past
"""
