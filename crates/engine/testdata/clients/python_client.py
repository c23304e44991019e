"""Drives the official Python client through what its users do: batching writes, queries, buckets, tasks, deletes."""
import os
from datetime import datetime, timedelta, timezone

from influxdb_client import InfluxDBClient, Point, TaskCreateRequest, WriteOptions, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS

start = datetime(2024, 3, 1, tzinfo=timezone.utc)
with InfluxDBClient(url=os.environ["URL"], token=os.environ["TOKEN"], org="myorg", enable_gzip=True) as client:
    assert client.ping() and client.version().startswith("v2."), client.version()
    assert client.health().status == "pass" and client.ready().status == "ready"
    org = client.organizations_api().find_organizations(org="myorg")[0]

    buckets = client.buckets_api()
    bucket = buckets.create_bucket(bucket_name="python", org_id=org.id)
    assert buckets.find_bucket_by_name("python").id == bucket.id

    errors = []
    options = WriteOptions(batch_size=100, flush_interval=1000)
    with client.write_api(write_options=options, error_callback=lambda *a: errors.append(a)) as batching:
        for i in range(1000):
            point = Point("m").tag("host", f"h{i % 4}").field("v", float(i)).time(start + timedelta(seconds=i))
            batching.write(bucket="python", record=point)
    assert not errors, errors
    client.write_api(write_options=SYNCHRONOUS).write(
        bucket="python", record="m,host=h0 n=5i 1709251200", write_precision=WritePrecision.S)

    query = client.query_api()
    count = '|> filter(fn: (r) => r._field == "v") |> group() |> count()'
    tables = query.query(f'from(bucket: "python") |> range(start: 2024-03-01T00:00:00Z) {count}')
    assert tables[0].records[0].get_value() == 1000, tables
    with_params = query.query(
        'from(bucket: _bucket) |> range(start: _start) |> filter(fn: (r) => r._field == "n")',
        params={"_bucket": "python", "_start": start})
    assert with_params[0].records[0]["_value"] == 5
    rows = list(query.query_csv('from(bucket: "python") |> range(start: 0) |> filter(fn: (r) => r._field == "n")'))
    assert any("5" in row for row in rows), rows

    tasks = client.tasks_api()
    flux = 'option task = {name: "py", every: 1h}\n\nfrom(bucket: "python") |> range(start: -1h)'
    task = tasks.create_task(task_create_request=TaskCreateRequest(org_id=org.id, flux=flux, status="active"))
    run = tasks.run_manually(task.id)
    assert run.task_id == task.id and tasks.find_tasks(name="py")[0].id == task.id
    tasks.delete_task(task.id)

    client.delete_api().delete(start, start + timedelta(days=1), 'host="h1"', bucket="python", org="myorg")
    left = query.query(f'from(bucket: "python") |> range(start: 0) {count}')
    assert left[0].records[0].get_value() == 750, left
    assert client.authorizations_api().find_authorizations()
    buckets.delete_bucket(bucket)
    assert buckets.find_bucket_by_name("python") is None
