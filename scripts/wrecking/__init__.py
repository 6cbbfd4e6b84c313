"""Breaking everything that runs jobs, at random, and balancing the books afterwards.

Workers, the emulator and whoever submits, cancels and retries are processes of their own, in a project folder of their
own. A plan made from a seed says what is broken when. What each job must end as is known from the moment when it is
submitted; every run of the application is written to a file that no kill takes away. At the end, with everything
mended, each job must have the one end that was meant for it.
"""
