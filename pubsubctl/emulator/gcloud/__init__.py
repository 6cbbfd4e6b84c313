"""Google's own emulator, which gcloud starts, as one process tree that begins and ends as a whole.

``python -m pubsubctl.emulator.gcloud`` watches over the tree: gcloud, a Python program, and Java below it, which is the
emulator. Whichever of them ends, however it does, the others end too::

    pubsubctl.emulator.gcloud     holds the lock; ends the group when told, or when gcloud or Java has ended
    ├── sh (the leash)            ends the group when its parent is gone
    └── gcloud                    leads a session and process group of its own
        └── java                  in that group
"""
