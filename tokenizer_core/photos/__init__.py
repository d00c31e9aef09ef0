"""Any photo to an upright 8-bit sRGB square, limits checked first.

photo.py        a stranger's file to a Picture
photoset.py     photos of a folder, zip or tar
colours.py      colour modes and profiles to sRGB, and luma
"""
