"""An encoded photo: its tokens, and the bytes that a file or a link holds.

encoding.py     Encoding: prefix, select, mix, to bytes and back
"""
