"""Several hosts on one machine, and a network between them that goes wrong.

Each host is a network namespace whose one link ends in a switch, a process that hands packets on: late, twice, in
another order, or not at all, as it is told for each pair of hosts. A packet that is not handed on leaves no trace, as
behind a router that has lost its way. A submitter, a broker (the emulator), a store (PostgreSQL) and workers run on
hosts of their own, with clocks that are minutes apart. At the end, with everything mended, the books must balance.
"""
