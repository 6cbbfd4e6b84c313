"""The HTTP front door: any request becomes a job, any HTTP client can ask for it."""
