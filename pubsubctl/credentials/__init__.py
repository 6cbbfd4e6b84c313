"""Whose credentials Google's services are asked with: which are asked for, whose they are, and what is wrong with them.

Nothing here shows a secret, nor keeps one that Google's own library does not keep.
"""
