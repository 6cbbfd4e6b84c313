"""The HTTP front door: any request becomes a job, and people see their jobs."""
