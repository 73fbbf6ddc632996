"""Find duplicates with another tool, for `benchmarks/speed.py`; runs under any Python that has it.

    python benchmarks/speed_peer.py czkawka|imagededup|fastdup PHOTOS WORK_FOLDER

Default settings; prints the version. Knows nothing of dupfind.
"""

import importlib.metadata
import sys


def czkawka(photos: str, _: str) -> None:
    """Perceptual hashes through the Python binding."""
    from czkawka import ImageSimilarity

    finder = ImageSimilarity()
    finder.set_directories([photos])
    finder.set_similarity(10)
    finder.find_similar()


def imagededup(photos: str, _: str) -> None:
    """PHash and its own search."""
    from imagededup.methods import PHash

    hasher = PHash(verbose=False)
    encodings = hasher.encode_images(image_dir=photos, recursive=True)
    hasher.find_duplicates(encoding_map=encodings)


def fastdup(photos: str, work: str) -> None:
    """Learned features and a nearest-neighbour graph."""
    import fastdup as tool

    tool.create(work_dir=work, input_dir=photos).run(
        overwrite=True, print_summary=False, verbose=False
    )


if __name__ == "__main__":
    name, photos_folder, work_folder = sys.argv[1:]
    {"czkawka": czkawka, "imagededup": imagededup, "fastdup": fastdup}[name](
        photos_folder, work_folder
    )
    print(importlib.metadata.version(name))
