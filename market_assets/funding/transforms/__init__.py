"""Pure functions of the funding domain: frames in, frames out.

naming        which house asset a native base is       listing       contracts from looks at the listing
terms         the contract row in force at an instant  intervals     what interval ended with an event
rates         settled events, per hour, day and year   snapshot      looks at the current state
slots         when settlements were due                completeness  which of them are stored
statistics    where funding stands in 30 days          hourly        settled rates on an hourly grid
legs          which contract stands for an asset       spreads       hours in which two venues differ
spread_statistics  30 days of a pair                   opportunities pairs of legs net of costs
health        one score of a round
"""
