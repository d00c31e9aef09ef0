"""Any photo to an upright 8-bit sRGB square, limits checked first.

photo.py        a stranger's file to a Picture
files.py        bytes to a picture that is not decoded yet, or to one sentence
headers.py      what PNG, AVIF and HEIC say of depth and colours, where Pillow does not tell
memory.py       one limit for all photos that are opened at once
photoset.py     photos of a folder, zip or tar, in name order
archives.py     what in there may be a photo, looked at before it is read
names.py        which files beside others are photos
colours.py      colour modes and profiles to sRGB, and luma
profiles.py     what a file says its colours mean, and the way to sRGB
"""
