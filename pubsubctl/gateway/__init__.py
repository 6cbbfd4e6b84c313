"""The gateway: an HTTP front, in which every request becomes a job and its answer is the job's."""
