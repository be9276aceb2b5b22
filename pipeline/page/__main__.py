"""The process that renders a page: it makes itself ready, reads one from its input, and writes it out.

It ends without a word when its input ends without a page, as when the command is refused or killed.
"""

from __future__ import annotations

import sys

from pipeline.page.model import unpack
from pipeline.page.render import render
from pipeline.page.templates import template

template()
if packed := sys.stdin.buffer.read():
    sys.stdout.buffer.write(render(unpack(packed)))
