"""The photo that is kept next has its own pairs: similarity, probability and evidence are theirs."""

from pathlib import Path

import pytest

from dupfind.config import LibraryPaths
from dupfind.evidence import Evidence
from dupfind.records import Advice, Group, Member, Pair, Reason, Relation, ScannedFile
from dupfind.store.photos import Batch, Content, PhotoEntry
from dupfind.store.store import Store


def entry(number: int) -> PhotoEntry:
    content = Content(f"{number}" * 64, 40, 30, "JPEG", None, 2, "f" * 64)
    return PhotoEntry(ScannedFile(Path(f"/p/{number}"), 100 * number, 1_000), content)


@pytest.mark.parametrize("relation", [Relation.CROPPED, Relation.SAME_PIXELS])
def test_members_get_the_numbers_of_their_pair_with_the_photo_kept_now(
    tmp_path: Path, relation: Relation
) -> None:
    with Store.open(LibraryPaths(tmp_path / ".dupfind"), write=True) as store:
        store.add_batch(Batch([entry(number) for number in (1, 2, 3, 4)]))
        found = Evidence(scale=0.25, part="a", crop_box=(0.1, 0.2, 0.3, 0.4))
        members = (
            Member(1, True, "original", 1.0, 1.0, advice=Advice.KEEP),
            Member(2, False, "resized", 0.71, 0.91, Evidence(scale=0.5)),
            Member(3, False, "edited", 0.61, 0.81, Evidence(scale=0.9), Advice.LOOK),
            Member(4, False, "edited", 0.51, 0.85, Evidence(scale=0.8), Advice.REMOVE),
        )
        run_id = store.start_run("cluster", {})
        pairs = [
            Pair(1, 2, 0.71, 0.91, Relation.RESIZED, Evidence(scale=0.5)),
            Pair(2, 3, 0.42, 0.97, relation, found),
        ]
        store.replace_results(run_id, pairs, [Group(1, members, 0.4, 100)])
        store.start_sightings()
        store.add_sightings([Path("/p/2"), Path("/p/3"), Path("/p/4")])
        store.remove_unseen([Path("/p")])
        (group,) = store.groups()
    kept, paired, unpaired = group.members
    assert (kept.photo_id, kept.keep, kept.similarity, kept.probability) == (2, True, 1.0, 1.0)
    assert (kept.relation, kept.advice, kept.evidence) == ("original", Advice.KEEP, Evidence())
    assert (paired.photo_id, paired.keep, paired.relation) == (3, False, relation)
    assert (paired.similarity, paired.probability, paired.evidence) == (0.42, 0.97, found)
    is_same = relation is Relation.SAME_PIXELS
    assert paired.advice is (Advice.REMOVE if is_same else Advice.LOOK)
    assert paired.reasons == ((Reason.SAME_PIXELS,) if is_same else ())
    # Nothing is known of the two: what was found against the photo that is gone stays, to be looked at.
    assert (unpaired.photo_id, unpaired.similarity, unpaired.probability) == (4, 0.51, 0.85)
    assert unpaired.advice is Advice.LOOK
    assert group.reclaimable_bytes == (300 if is_same else 0)
    assert group.lowest_similarity == 0.4
