"""The books of a run in which things are broken: what is to be done, what was done, and whether the two agree.

The application leaves a line behind for every run that it makes, in a file that no kill takes away. Who submits leaves
one for every job. What each job must end as is known from the moment when it is submitted; at the end, with everything
mended, each must have the one end that was meant for it. ``wrecking`` breaks processes, ``partitioning`` the network
between hosts; both balance these books.
"""
