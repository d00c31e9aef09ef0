"""Any photo to an upright 8-bit sRGB square, limits checked first.

photo.py        a stranger's file to a Picture
files.py        its limits and formats, and the true reason where it cannot be opened
headers.py      what a file says of its depth and colours that Pillow does not tell
profiles.py     what its colours mean, and the way from there to sRGB
colours.py      any colour mode to 8-bit RGB, in strips, and luma
memory.py       one limit of bytes for all photos that are opened at once
archives.py     what in a folder, zip or tar may be a photo, looked at before it is read
photoset.py     photos of a folder, zip or tar
"""
