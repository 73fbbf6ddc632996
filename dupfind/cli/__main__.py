"""Run the command line as a module, as torchrun does: ``torchrun -m dupfind.cli train PHOTOS``."""

from dupfind.cli import main

main()
