"""An encoded photo: its tokens, and the bytes that a file or a link holds.

encoding.py     Encoding: codes of one or several lengths; prefix, select, mix, to bytes and back
nesting.py      how much of a short code is another one at the beginning of a longer one
packing.py      soft tokens (numbers) and hard ones (indices) as bits
text.py         these bytes as text, as a link has them, and what people paste
"""
