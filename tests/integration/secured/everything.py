"""All that the service does with Redis, in a quarter of a minute."""

from pathlib import Path

from redis import Redis

from shared.redis_client import connect
from shared.redis_keys import DISCARDED
from shared.uploads import FileUploadStore
from tests.support.api_keys import ALICE, ALICE_ENTRY
from tests.support.api_process import ApiProcess
from tests.support.live_service import coloured
from tests.support.scripted_colors import KILLS
from tests.support.served import eventually
from tests.support.worker_process import WorkerProcess
from worker.recovery.redis_index import RecoveryIndex
from worker.recovery.upload_sweeper import Sweeper


class Everything:
    """An api and a worker.

    Args:
        url: Of Redis, as the service is told.
        admin: A client that may do anything.
        folder: For uploads and logs.
    """

    def __init__(self, url: str, admin: Redis, folder: Path) -> None:
        self.url, self.admin, self.folder = url, admin, folder
        # the owner of a key takes turns with others, so more commands are heard
        self.api = ApiProcess(url, folder, API_KEYS=ALICE_ENTRY)

    def takes_jobs(self) -> bool:
        """The api has reached Redis."""
        return self.api.client.get("/health/ready?for=jobs").status_code == 200

    def without_workers(self) -> tuple[str, str]:
        """A batch of which one message is lost, and one that is cancelled."""
        lost = self.post(coloured(1), coloured(2))
        eventually(lambda: self.admin.llen("batch") == 1, 15)  # the other waits for its turn
        self.admin.delete("batch")
        cancelled = self.post(coloured(3))
        self.api.client.delete(cancelled).raise_for_status()
        self.admin.lpush("batch", "no message")
        return lost, cancelled

    def worker(self) -> WorkerProcess:
        """A worker that a supervisor keeps."""
        env = {"REDIS_URL": self.url, "UPLOADS_URL": self.api.uploads.as_uri()}
        fast = {"SCRIPTED_FAST": "1"}
        worker = WorkerProcess({**env, **fast}, self.folder / "worker.log", restart=True)
        worker.wait_ready(self.admin)
        return worker

    def with_a_worker(self, lost: str, cancelled: str) -> None:
        """What a day brings."""
        client = self.api.client
        assert self.ends(lost) == ["succeeded"] * 2
        assert self.ends(cancelled) == ["cancelled"]
        eventually(lambda: self.admin.get(DISCARDED) == "1", 10)
        eventually(lambda: client.get("/health").json()["status"] == "ok", 10)
        for path in ("/model", "/metrics", "/jobs", f"{lost}/results", f"{lost}/events"):
            client.get(path).raise_for_status()
        client.post("/predict", content=coloured(4)).raise_for_status()
        asynchronous = {"prefer": "respond-async"}
        answer = client.post("/predict", content=coloured(5), headers=asynchronous)
        # 200 where the worker was faster than the answer
        assert answer.status_code in {200, 202}, answer.text
        again = [self.post(coloured(6), **{"idempotency-key": "a"}) for _ in range(2)]
        assert again[0] == again[1]
        (self.api.uploads / "unknown.0").touch()
        with connect(self.url, 2) as redis:
            sweeper = Sweeper(RecoveryIndex(redis, "test"), FileUploadStore(self.api.uploads), -1)
            eventually(lambda: sweeper.sweep() >= 0 and not self.api.stored(), 10)

    def with_deaths(self) -> None:
        """The worker dies twice, and the photo beside the deadly one is sent again."""
        assert self.ends(self.post(coloured(0, KILLS), coloured(7))) == ["failed", "succeeded"]

    def post(self, *photos: bytes, **headers: str) -> str:
        """A batch; returns its path."""
        files = [("files", data) for data in photos]
        answer = self.api.client.post("/jobs", files=files, headers=headers)
        assert answer.status_code == 202, answer.text
        return answer.headers["location"]

    def ends(self, job: str) -> list[str]:
        """How each photo ended, once all have."""
        eventually(lambda: self.api.client.get(job).json().get("finished_at"), 100)
        return [item["status"] for item in self.api.client.get(job).json()["items"]]


def run_everything(url: str, admin: Redis, folder: Path, *, deaths: bool = True) -> None:
    """Fails where something does not work; half of the time goes to deaths."""
    some = Everything(url, admin, folder)
    with some.api:
        some.api.client.headers["x-api-key"] = ALICE
        eventually(some.takes_jobs, 20)
        lost, cancelled = some.without_workers()
        with some.worker() as worker:
            some.with_a_worker(lost, cancelled)
            if deaths:
                some.with_deaths()
            worker.terminate()
        assert not admin.hlen("ic:workers")
        for log in (some.api.log, folder / "worker.log"):
            assert "NOPERM" not in log.read_text(), log
