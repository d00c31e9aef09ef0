"""One picture or many against their originals.

metrics.py      PSNR and SSIM
spectrum.py     power by frequency, and its error by band
local.py        where two pictures differ, and what became of outlines
classifier.py   EfficientNet-Lite, a frozen network that names pictures
scorer.py       many pictures of one photo against it
tally.py        measures added up over photos, with intervals
criteria.py     when a picture is near enough: how a number of tokens is chosen
codecs.py       WebP and JPEG in a number of bytes
"""
