"""The page and the command line: clients of tokenizer_core's public list.

app.py          layout and wiring of the page
handlers.py     what happens when a visitor does something
questions.py    what the page asks, checked before anything happens
film.py         one photo, its encoding, and the pictures that were decoded so far
studio.py       whose turn it is, and the one call that uses the device
shelf.py        the loaded tokenizers
inspections.py  what is asked of a tokenizer about a photo beside its pictures
turn.py         whose turn it is
again.py        when who finds the queue full asks again
waits.py        how long a slow model takes, said before anybody waits
merge.py        photos and pictures that several visitors wait for, in one batch
store.py        the films of all visitors, bounded by bytes
views.py        what is beside the film, on request
needs.py        how many tokens a picture needs, one at a time
ours.py         six pictures of ours for that
beside.py       what Compare sets beside it: other models, WebP and JPEG files
guard.py        headers of every answer, and whether the server is well
gate.py         what every request passes: the rate, the end, who leaves, a full disk
asker.py        who asks the question that is being answered, and whether they are still there
rate.py         how much one address may ask for
ending.py       the end of a server, which lets answers be made first
faults.py       what a visitor is told when the server fails
figures.py      its figures, for Prometheus
logs.py         its log, without what belongs to visitors
crowd.py        several visitors at once, for the bench
uploads.py      visitors' files on the server's disk
static.py       its own files, from memory, kept by browsers for ever
links.py        a link's tokens, as text
head.py         the page's head: what is shown beside a link to it, and what is fetched early
scenes.py       the six scenes below the panels
kinds.py        below them: every tokenizer in a table, and claims about kinds of tokens
figure.py       a scene's figure over the validation photographs
glossary.py     the page's words, and what it says behind each
programs.py     endpoints for programs
examples.py     the examples, and what the bundled model makes of them
export.py       the page as files, without a server
with_model.py   a model beside them, for the visitor's own browser
model_files.py  the same files, from the served page
runtime.py      what runs it there: onnxruntime-web, brought by npm
runtime.json    its version and sum
installable.py  such a page as an app, without a network
cli.py          the command `tokendial`
commands/       its verbs, a file each
text.md         the explanation below the dial
page/           what the browser draws
examples/       photos with their cached films
"""
