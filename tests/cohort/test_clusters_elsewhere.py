"""Schedulers at addresses: workers that come and go, two clusters on two addresses, and TLS."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from in_stages import InStages, processes
from stand_ins import Cohort, in_process, values

from retquant.cohort import (
    ClusterError,
    ClusterSettings,
    CohortSettings,
    Progress,
    Shard,
    connect,
    plugin,
    run,
    tls_files,
)
from retquant.errors import ConfigError
from retquant.tables.schemas import CHUNK_TABLES


def rows(out: Path, table: str) -> pd.DataFrame:
    frame = pd.read_parquet(out / table)
    return frame.sort_values(list(frame.columns)).reset_index(drop=True)


def assert_like_undisturbed(cohort: Cohort) -> None:
    calm = cohort.folder / "calm"
    run(cohort.study(), calm, settings=in_process())
    for table in CHUNK_TABLES:
        pd.testing.assert_frame_equal(rows(cohort.out, table), rows(calm, table), obj=table, check_exact=True)


@contextmanager
def cluster_at(host: str, *, workers: int = 1, **options: Any) -> Iterator[Any]:
    """A scheduler and its workers at an address of this machine."""
    from distributed import LocalCluster

    with LocalCluster(
        host=host,
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address="127.0.0.1:0",
        **options,
    ) as cluster:
        yield cluster


def join(cluster: Any, name: str, **options: object) -> None:
    """One more worker, in a process of its own."""
    spec = dict(cluster.new_spec)
    spec["options"] = {**spec["options"], **options}
    cluster.worker_spec[name] = spec
    settle(cluster)


def settle(cluster: Any) -> None:
    """Wait until those who are to be there are, however slow the machine is."""
    cluster.scale(len(cluster.worker_spec))
    while len(cluster.scheduler.workers) != len(cluster.worker_spec):
        time.sleep(0.05)


def leave(cluster: Any, name: str) -> None:
    """A worker goes, as a batch job does whose time is up."""
    cluster.worker_spec.pop(name)
    settle(cluster)


@dataclass
class AtImages:
    """Does something once each when so many images are done; the run hears of no further ones meanwhile."""

    events: dict[int, Callable[[], None]]

    def __call__(self, progress: Progress) -> None:
        for count in sorted(self.events):
            if progress.done >= count:
                self.events.pop(count)()


def test_workers_that_join_get_work_and_those_that_leave_lose_none(tmp_path: Path) -> None:
    """The second worker is at another address of this machine; then the first, which began alone, goes."""
    cohort = Cohort(tmp_path, values(60))
    hosts: set[str] = set()
    with cluster_at("127.0.0.1") as cluster:
        first = next(iter(cluster.worker_spec))

        def second() -> None:
            join(cluster, "second", host="127.0.0.2")
            hosts.update(address.split("//")[1].split(":")[0] for address in cluster.scheduler.workers)

        events = AtImages({2: second, 30: lambda: leave(cluster, first)})
        settings = CohortSettings(
            cluster=ClusterSettings(scheduler=cluster.scheduler_address), chunk_images=2
        )
        process = cohort.study(pause=0.3)
        summary = run(process, cohort.out, settings=settings, progress=events)
        assert [str(name) for name in cluster.worker_spec] == ["second"]
    assert not events.events
    assert hosts == {"127.0.0.1", "127.0.0.2"}
    assert (summary.done, summary.failed) == (60, 0)
    assert_like_undisturbed(cohort)


def test_two_clusters_on_two_addresses_do_a_shard_each(tmp_path: Path) -> None:
    cohort = Cohort(tmp_path, {**values(16), "zz-bad": "bad"})
    failed: list[BaseException] = []

    def do(host: str, shard: str) -> None:
        try:
            with cluster_at(host) as cluster:
                assert host in cluster.scheduler_address
                settings = CohortSettings(
                    cluster=ClusterSettings(scheduler=cluster.scheduler_address),
                    shard=Shard.parse(shard),
                    chunk_images=2,
                )
                run(cohort.study(pause=0.02), cohort.out, settings=settings)
        except BaseException as error:
            failed.append(error)

    jobs = [threading.Thread(target=do, args=job) for job in (("127.0.0.1", "1/2"), ("127.0.0.2", "2/2"))]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert not failed
    whole = run(cohort.study(), cohort.out, settings=in_process())
    assert (whole.kept, whole.kept_failures, whole.done) == (16, 1, 0)
    assert_like_undisturbed(cohort)


def impatient(*fields: object) -> InStages:
    """In the worker, when the process arrives: it does not wait long for devices."""
    plugin._PATIENCE, plugin._LOOK = 1.0, 0.2
    return Impatient(*fields)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Impatient(InStages):
    """Stops waiting early for a worker with a device."""

    def __reduce__(self) -> tuple[object, ...]:
        return impatient, (self.notes, self.deaths, self.pause)


def test_a_device_that_joins_draws_from_then_on_and_one_that_goes_for_good_is_done_without(
    tmp_path: Path,
) -> None:
    for name in ("notes", "deaths"):
        (tmp_path / name).mkdir()
    process = Impatient(tmp_path / "notes", tmp_path / "deaths", 0.05)
    cohort = Cohort(tmp_path, values(70))
    with cluster_at("127.0.0.1") as cluster:
        device = {"resources": {"GPU": 1}, "env": {"CUDA_VISIBLE_DEVICES": "0"}}
        events = AtImages(
            {4: lambda: join(cluster, "device", **device), 45: lambda: leave(cluster, "device")}
        )
        settings = CohortSettings(
            cluster=ClusterSettings(scheduler=cluster.scheduler_address), chunk_images=4
        )
        summary = run(cohort.study(process=process), cohort.out, settings=settings, progress=events)
    assert not events.events
    assert (summary.done, summary.failed) == (70, 0)
    seen = processes(process.notes)
    assert seen["draw"]["plain"] >= 4, "before it came"
    assert seen["draw"]["device"] >= 8
    assert sum(seen["draw"].values()) >= 70
    assert set(rows(cohort.out, "biomarkers")["image_id"]) == set(values(70))


@dataclass(frozen=True)
class Authority:
    """Signs certificates."""

    folder: Path
    key: Any
    cert: Any


def signed(folder: Path, name: str, by: Authority | None = None) -> Authority:
    """A key and its certificate as `name.pem` and `name-key.pem`, signed by an authority or by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.cert.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .sign(key if by is None else by.key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}-key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return Authority(folder, key, cert)


@pytest.mark.slow  # many event loops come and go; beside another cluster on two cores Dask gives one up after 10 s
def test_a_scheduler_with_tls_serves_whoever_its_authority_signed_and_nobody_else(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    from distributed import Security

    ours = signed(tmp_path, "authority")
    signed(tmp_path, "us", by=ours)
    signed(tmp_path, "strangers", by=signed(tmp_path, "others"))

    def files(ca: str, name: str) -> Any:
        return tls_files(*(tmp_path / file for file in (f"{ca}.pem", f"{name}.pem", f"{name}-key.pem")))

    own = files("authority", "us")
    paths = {"tls_ca_file": str(own.ca)}
    for role in ("scheduler", "worker", "client"):
        paths |= {f"tls_{role}_cert": str(own.cert), f"tls_{role}_key": str(own.key)}
    security = Security(require_encryption=True, **paths)
    cohort = Cohort(tmp_path, values(6))
    with cluster_at("127.0.0.1", protocol="tls://", security=security) as cluster:
        address = cluster.scheduler_address
        assert address.startswith("tls://")
        for refused in (
            ClusterSettings(scheduler=address, start_timeout=3.0),
            ClusterSettings(scheduler=address.replace("tls", "tcp"), start_timeout=3.0),
            ClusterSettings(scheduler=address, security=files("others", "strangers"), start_timeout=3.0),
        ):
            with pytest.raises(ClusterError, match="no Dask scheduler answers"):
                connect(refused)
        settings = CohortSettings(cluster=ClusterSettings(scheduler=address, security=own), chunk_images=2)
        assert run(cohort.study(), cohort.out, settings=settings).done == 6
    assert_like_undisturbed(cohort)


def test_tls_takes_three_files_that_are_there_and_a_scheduler(tmp_path: Path) -> None:
    pem = tmp_path / "a.pem"
    pem.touch()
    assert tls_files(None, None, None) is None
    with pytest.raises(ConfigError, match="three files"):
        tls_files(pem, None, pem)
    with pytest.raises(ConfigError, match=r"no such file") as refusal:
        tls_files(pem, pem, tmp_path / "b.pem")
    assert "--tls-key" in refusal.value.where
    with pytest.raises(ConfigError, match="scheduler elsewhere"):
        ClusterSettings(security=tls_files(pem, pem, pem))
