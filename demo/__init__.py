"""The page and the command line: clients of tokenizer_core's public list."""

import os

# Before torch is loaded. By default its threads wait for each other spinning, which on two cores that also
# serve visitors makes a film three to six times slower; sleeping costs a twelfth where nothing else runs.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
