"""What a wheel calls the folders: `demo` is installed as `tokendial`, since other people have a `demo`, too.

Everything else is in pyproject.toml. Inside `demo` imports are relative, so that both names work.
"""

import re

from setuptools import find_namespace_packages, setup

FOLDERS = find_namespace_packages(include=["tokenizer_core*", "demo*"])

setup(
    packages=[re.sub(r"^demo\b", "tokendial", folder) for folder in FOLDERS],
    package_dir={"tokendial": "demo"},
)
