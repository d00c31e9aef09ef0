"""Tables, figures and pages made of measures.

evaluate.py     a table over many photos
blocks.py       photos measured block by block, in one process or many
allocate.py     how many tokens each photo needs
judge.py        the judge's page: a model beside pca, WebP and JPEG at equal bytes
compare.py      all models and codecs at equal bytes
judge.md        its text
sheet.py        the pictures that visitors upload, as pages
judge_sheet.json  which these are, and the drawn ones
figure.py       curves over the number of tokens
bench.py        times on this machine
"""
