"""The one case that is meant to kill its worker; only that item fails, whatever came with it.

No photo that was found does it, so the model of this worker dies at a colour.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from shared.errors import ServiceError
from shared.photo_formats import NAMES
from tests.chaos.cluster import Cluster
from tests.chaos.traffic import named
from tests.hostile.broken import broken_pictures
from tests.hostile.live import said_of
from tests.hostile.odd import Picture, odd_pictures
from tests.hostile.table import row_of
from tests.support.scripted_colors import FAILS, HANGS, KILLS, NO_NUMBER
from worker.imaging.preprocess import preprocess
from worker.models.transforms import IMAGENET1K_V1

LARGEST = 50_000


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:::PIL")
def test_of_a_batch_only_the_photo_that_kills_is_lost(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    pictures = [one for one in (*odd_pictures(), *broken_pictures()) if says_nothing(one)]
    files = [("files", (one.name, one.data)) for one in pictures]
    files.insert(len(files) // 2, ("files", named(0, 0, kills=True)))
    env = {"SCRIPTED_FAST": "1", "PHOTO_FORMATS": ",".join(NAMES)}
    with Cluster(tmp_path, env=env) as cluster:
        cluster.start()
        with httpx.Client(base_url=cluster.url, timeout=60, trust_env=False) as client:
            path = client.post("/jobs", files=files).raise_for_status().headers["location"]
            cluster.until(lambda: client.get(path).json().get("finished_at"), 300)
            items = client.get(path, params={"limit": 1_000}).json()["items"]
        deaths = sum(worker.starts - 1 for worker in cluster.workers)
        assert deaths >= 2
    ends = {one["filename"]: one for one in items}
    assert said_of(ends.pop("0-worker_lost.png")["error"]) == "503 worker_lost"
    counts = Counter(item["status"] for item in ends.values())
    tell(f"one photo ended {deaths} workers and is lost; of {len(ends)} beside it {dict(counts)}")
    assert set(ends) == {one.name for one in pictures}
    for name, item in ends.items():
        end = "200" if item["status"] == "succeeded" else said_of(item["error"])
        assert end in row_of(name).answers, f"{name}: {end}"


def says_nothing(picture: Picture) -> bool:
    """Whether its colour is not one that tells the scripted model what to do."""
    if len(picture.data) > LARGEST:
        return False
    try:
        red = preprocess(picture.data, IMAGENET1K_V1, 1_000_000)[112, 112, 0]
    except ServiceError:
        return True
    return red not in {KILLS, HANGS, FAILS, NO_NUMBER}
