"""AWS Clean Rooms on loopback: its API by botocore's model, its queries judged and run by our local clean room.

Belongs here: the run-time API of one membership. What is documented is kept: members, limits, states, codes, the quota
of five queries at a time. What is not is made up and never to be relied on: latencies, billed units, names of files,
the details of events. Signatures are looked for, not verified. Not here: the privacy of real Clean Rooms.
"""
