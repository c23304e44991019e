// Drives the official JavaScript client through what its users do: writes, queries, buckets, tasks, deletes.
const assert = require('node:assert')
const { InfluxDB, Point, flux } = require('@influxdata/influxdb-client')
const { BucketsAPI, DeleteAPI, HealthAPI, OrgsAPI, PingAPI, TasksAPI } = require('@influxdata/influxdb-client-apis')

async function main() {
  const client = new InfluxDB({ url: process.env.URL, token: process.env.TOKEN })
  await new PingAPI(client).getPing()
  assert.equal((await new HealthAPI(client).getHealth()).status, 'pass')
  const orgID = (await new OrgsAPI(client).getOrgs({ org: 'myorg' })).orgs[0].id
  const buckets = new BucketsAPI(client)
  const bucket = await buckets.postBuckets({ body: { orgID, name: 'javascript', retentionRules: [] } })

  const write = client.getWriteApi('myorg', 'javascript', 'ns')
  for (let i = 0; i < 100; i++) {
    const time = BigInt(1709251200 + i) * 1000000000n
    write.writePoint(new Point('m').tag('host', `h${i % 2}`).floatField('v', i).timestamp(time.toString()))
  }
  await write.close()

  const query = client.getQueryApi('myorg')
  const rows = await query.collectRows(
    flux`from(bucket: ${'javascript'}) |> range(start: 2024-03-01T00:00:00Z) |> group() |> count()`)
  assert.equal(rows[0]._value, 100)

  const tasks = new TasksAPI(client)
  const script = 'option task = {name: "js", every: 1h}\n\nfrom(bucket: "javascript") |> range(start: -1h)'
  const task = await tasks.postTasks({ body: { orgID, flux: script } })
  assert.equal((await tasks.getTasks({ name: 'js' })).tasks[0].id, task.id)
  await tasks.deleteTasksID({ taskID: task.id })

  await new DeleteAPI(client).postDelete({
    org: 'myorg',
    bucket: 'javascript',
    body: { start: '2024-03-01T00:00:00Z', stop: '2024-03-02T00:00:00Z', predicate: 'host="h1"' },
  })
  const left = await query.collectRows('from(bucket: "javascript") |> range(start: 0) |> group() |> count()')
  assert.equal(left[0]._value, 50)
  await buckets.deleteBucketsID({ bucketID: bucket.id })
  assert.deepEqual((await buckets.getBuckets({ orgID, name: 'javascript' })).buckets, [])
  await assert.rejects(query.collectRows('from(bucket: "javascript") |> range(start: 0)'), /could not find bucket/)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
