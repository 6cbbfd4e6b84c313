"""What every test stands on."""

from hypothesis import settings

# Time limits of single examples say more about the machine than about the code.
settings.register_profile("pubsubctl", deadline=None, max_examples=60)
settings.load_profile("pubsubctl")
