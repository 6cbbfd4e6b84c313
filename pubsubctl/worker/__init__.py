"""What runs jobs: a parent that pulls, claims, records and acknowledges, and children that run the application."""
