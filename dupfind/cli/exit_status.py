"""What the number that a command ends with means: for scripts, the man page and the docs."""

EXIT_STATUSES: dict[int, str] = {
    0: "Done.",
    1: "Failed; one line says what, why, and what to do.",
    2: "Wrong usage: an option or argument does not exist or does not fit.",
    3: "Only of find --fail-on-duplicates: there are groups of copies that nobody settled.",
    130: "Interrupted with Ctrl-C; what was committed stays.",
    141: "Who reads the output has stopped reading (head, for one).",
}
