"""What SQL cannot say well: intervals, lift of randomised hold-outs, attribution, reach curves, censored times.

Pure functions on sufficient statistics (counts and sums), so that partner rows can stay in the room that emits them.
Belongs here: numbers in, numbers out. Not here: where they come from (`queries`), who is in an arm (`audience`).

The names of the modules are the public surface; nothing is imported here, because definitions import this package.
"""
