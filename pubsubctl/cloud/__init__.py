"""A Google project around topics and subscriptions: service accounts, and who may do what."""
