"""``python -m reprise_genome`` is the command `reprise`. The file can be run by its path too."""

import os
import sys

if not __package__:
    # The folder of this file is not one of modules; that above it is.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from reprise_genome._command import main

main()
