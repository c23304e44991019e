// Checks and notifications: statuses and notifications are rows of the bucket _monitoring.
package monitor

import "experimental"
import "influxdata/influxdb"
import "influxdata/influxdb/v1"

bucket = "_monitoring"

levelOK = "ok"
levelInfo = "info"
levelWarn = "warn"
levelCrit = "crit"
levelUnknown = "unknown"

option write = (tables=<-) => tables |> experimental.to(bucket: bucket)
option log = (tables=<-) => tables |> experimental.to(bucket: bucket)

_read = (measurement, start, stop, fn) =>
    influxdb.from(bucket: bucket)
        |> range(start: start, stop: stop)
        |> filter(fn: (r) => r._measurement == measurement)
        |> filter(fn: fn)
        |> v1.fieldsAsCols()

logs = (start, stop=now(), fn) => _read(measurement: "notifications", start: start, stop: stop, fn: fn)
from = (start, stop=now(), fn=(r) => true) => _read(measurement: "statuses", start: start, stop: stop, fn: fn)

// A number a row, kept where it differs from the row before by `keep`.
_changes = (tables=<-, rank, keep) =>
    tables
        |> map(fn: (r) => ({r with ____level: r._level, ____rank: rank(r: r)}))
        |> drop(columns: ["_level"])
        |> rename(columns: {____level: "_level"})
        |> sort(columns: ["_source_timestamp", "_time"])
        |> difference(columns: ["____rank"])
        |> filter(fn: keep)
        |> drop(columns: ["____rank"])
        |> experimental.group(mode: "extend", columns: ["_level"])

stateChangesOnly = (tables=<-) =>
    tables
        |> _changes(
            rank: (r) =>
                if r._level == levelCrit then
                    4
                else if r._level == levelWarn then
                    3
                else if r._level == levelInfo then
                    2
                else if r._level == levelOK then
                    1
                else
                    0,
            keep: (r) => r.____rank != 0,
        )

_fromTo = (tables=<-, fromLevel, toLevel) => {
    reached = (r) => if toLevel == "any" then r._level != fromLevel and exists r._level else r._level == toLevel
    left = (r) => if fromLevel == "any" then r._level != toLevel and exists r._level else r._level == fromLevel

    return
        tables
            |> _changes(
                rank: (r) => if reached(r: r) then 1 else if left(r: r) then 0 else -10,
                keep: (r) => r.____rank == 1,
            )
}

stateChanges = (tables=<-, fromLevel="any", toLevel="any") =>
    if fromLevel == "any" and toLevel == "any" then
        tables |> stateChangesOnly()
    else
        tables |> _fromTo(fromLevel: fromLevel, toLevel: toLevel)

deadman = (tables=<-, t) => tables |> max(column: "_time") |> map(fn: (r) => ({r with dead: r._time < t}))

check = (tables=<-, data, messageFn, crit=(r) => false, warn=(r) => false, info=(r) => false, ok=(r) => true) =>
    tables
        |> experimental.set(o: data.tags)
        |> experimental.group(mode: "extend", columns: experimental.objectKeys(o: data.tags))
        |> map(
            fn: (r) =>
                ({r with
                    _measurement: "statuses",
                    _source_measurement: r._measurement,
                    _type: data._type,
                    _check_id: data._check_id,
                    _check_name: data._check_name,
                    _level:
                        if crit(r: r) then
                            levelCrit
                        else if warn(r: r) then
                            levelWarn
                        else if info(r: r) then
                            levelInfo
                        else if ok(r: r) then
                            levelOK
                        else
                            levelUnknown,
                    _source_timestamp: int(v: r._time),
                    _time: now(),
                }),
        )
        |> map(fn: (r) => ({r with _message: messageFn(r: r)}))
        |> experimental.group(
            mode: "extend",
            columns: ["_source_measurement", "_type", "_check_id", "_check_name", "_level"],
        )
        |> write()

notify = (tables=<-, endpoint, data) =>
    tables
        |> experimental.set(o: data)
        |> experimental.group(mode: "extend", columns: experimental.objectKeys(o: data))
        |> map(fn: (r) => ({r with _measurement: "notifications", _status_timestamp: int(v: r._time), _time: now()}))
        |> endpoint()
        |> experimental.group(mode: "extend", columns: ["_sent"])
        |> log()
