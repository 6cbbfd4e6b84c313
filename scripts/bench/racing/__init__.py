"""The whole path of pubsubctl beside other job systems; see ``peers.py`` for what is measured and how."""
