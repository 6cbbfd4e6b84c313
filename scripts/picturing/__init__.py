"""Pictures of the dashboard, of a project that is made up and jobs that run."""
