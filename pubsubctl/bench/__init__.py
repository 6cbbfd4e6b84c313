"""How fast the whole path is: submit, broker, worker, application, store, and back; and where the time goes."""
