"""An AVIF or HEIC with more frames than a WebP may have is refused, whatever lists them."""

import tracemalloc
from struct import pack

import pytest

from shared.errors import InvalidImage
from tests.hostile.avifs import avif, box
from tests.hostile.heics import heic
from tests.hostile.sequences import (
    compact_sizes,
    fragment,
    movie,
    sizes,
    track,
    with_movie_behind,
)
from tests.unit.worker.imaging.optional_formats import SMALL, cost, seen
from worker.imaging.formats.heif.boxes import MAX_BOXES
from worker.imaging.formats.heif.sequences import check_frames
from worker.imaging.refusals import MAX_FRAMES

STILL = {"AVIF": avif(SMALL), "HEIC": heic(SMALL)}
FRAMES, HALF = 10_000, 5_000
PICTURES = track(sizes(HALF))
MOVIE = movie(track(sizes(FRAMES)))
TOO_MANY = {
    "one track": MOVIE,
    "frames of one size": movie(track(box(b"stsz", pack(">III", 0, 99, FRAMES)))),
    "a count without a table": movie(track(sizes(FRAMES, listed=False))),
    "the largest count": movie(track(sizes(2**32 - 1, listed=False))),
    "compact sizes": movie(track(compact_sizes(FRAMES))),
    "two tracks": movie(PICTURES, PICTURES),
    "a video": movie(track(sizes(FRAMES), b"vide")),
    "only the alpha channel": movie(track(sizes(2)), track(sizes(FRAMES), b"auxv")),
    "no handler": movie(box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", sizes(FRAMES)))))),
    "two movies": movie(PICTURES) + movie(PICTURES),
    "a movie until the end": bytes(4) + MOVIE[4:],
    "a movie with a long length": pack(">I4sQ", 1, b"moov", len(MOVIE) + 8) + MOVIE[8:],
    "a broken track behind": movie(track(sizes(FRAMES)), b"\xff" * 20),
    "one fragment": movie(track(sizes(0))) + fragment(FRAMES),
    "a hundred fragments": movie(track(sizes(0))) + fragment(FRAMES // 100) * 100,
    "tracks and fragments": fragment(HALF) + movie(PICTURES),
}
BROKEN = {
    "empty": movie(),
    "rubbish": box(b"moov", b"\xff" * 999),
    "zeros": box(b"moov", bytes(999)),
    "a track that is too long": box(b"moov", b"\xff\xff\xff\xff" + track(sizes(FRAMES))[4:]),
    "a track that is too short": box(b"moov", b"\0\0\0\7" + track(sizes(FRAMES))[4:]),
    "no count": movie(track(box(b"stsz", bytes(8)))),
    "a count that is cut off": movie(track(box(b"stsz", bytes(8) + b"\0"))),
    "nothing in the fragment": box(b"moof", box(b"traf", box(b"trun"))),
}


@pytest.mark.parametrize("name", STILL)
@pytest.mark.parametrize("tracks", TOO_MANY.values(), ids=TOO_MANY)
def test_more_frames_than_a_webp_may_have_are_refused(name: str, tracks: bytes) -> None:
    for judge in (seen, cost):
        with pytest.raises(InvalidImage) as raised:
            judge(STILL[name] + tracks)
        assert str(raised.value) == (
            f"The {name} has more than {MAX_FRAMES} frames or other parts. Send its first frame."
        )


@pytest.mark.parametrize("name", STILL)
@pytest.mark.parametrize(
    "tracks",
    [
        movie(track(sizes(MAX_FRAMES))),
        movie(track(sizes(MAX_FRAMES)), track(sizes(MAX_FRAMES), b"auxv")),
        movie(track(sizes(2)), track(sizes(FRAMES), b"soun")),
        fragment(MAX_FRAMES),
    ],
    ids=["as many as allowed", "with alpha", "with sound", "in a fragment"],
)
def test_an_animation_is_its_picture(name: str, tracks: bytes) -> None:
    assert (seen(STILL[name] + tracks) == seen(STILL[name])).all()


@pytest.mark.parametrize("name", STILL)
@pytest.mark.parametrize("tracks", BROKEN.values(), ids=BROKEN)
def test_broken_tracks_do_not_spoil_a_sound_picture(name: str, tracks: bytes) -> None:
    """As the broken later frames of a WebP do not; viewers of still pictures show it, too."""
    assert (seen(STILL[name] + tracks) == seen(STILL[name])).all()


def test_frames_count_wherever_the_tracks_are() -> None:
    for frames in (3, MAX_FRAMES + 1):
        ahead = avif(SMALL, save_all=True, append_images=[SMALL.rotate(180)] * 2)
        ahead = ahead.replace(pack(">III", 0, 0, 3), pack(">III", 0, 0, frames))
        for data in (ahead, with_movie_behind(ahead)):
            if frames <= MAX_FRAMES:
                assert (seen(data) == seen(ahead)).all()
                continue
            with pytest.raises(InvalidImage, match=f"more than {MAX_FRAMES} frames"):
                seen(data)


def test_boxes_within_boxes_are_bounded_in_number_and_never_in_depth() -> None:
    deep = b""
    for _ in range(MAX_BOXES - 100):
        deep = box(b"moov", deep)
    assert (seen(STILL["AVIF"] + deep) == seen(STILL["AVIF"])).all()
    wide = movie(*[movie(*[track(sizes(0))] * 10)] * 900)
    for many in (box(b"moov", box(b"trak") * 2_000_000), box(b"trak", deep + deep), wide):
        data = STILL["AVIF"] + box(b"moov", many)
        tracemalloc.start()
        try:
            with pytest.raises(InvalidImage, match=f"more than {MAX_BOXES} parts"):
                check_frames(data, "AVIF")
            # two million boxes would take a hundred times as much; coverage takes some by itself
            assert tracemalloc.get_traced_memory()[1] < 4_000_000
        finally:
            tracemalloc.stop()
