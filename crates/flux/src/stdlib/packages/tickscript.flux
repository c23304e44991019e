// What TICKscripts of Kapacitor are written with, for those who move them.
package tickscript

import "array"
import "experimental"
import "influxdata/influxdb/monitor"

defineCheck = (id, name, type="custom") => ({_check_id: id, _check_name: name, _type: type, tags: {}})

groupBy = (columns, tables=<-) =>
    tables
        |> group(columns: columns)
        |> experimental.group(columns: ["_measurement"], mode: "extend")

join = (tables, on=["_time"], measurement) =>
    join(tables: tables, on: on)
        |> map(fn: (r) => ({r with _measurement: measurement}))
        |> experimental.group(columns: ["_measurement"], mode: "extend")

_as = (tables=<-, from, to) => tables |> rename(fn: (column) => if column == from then to else column)

select = (column="_value", fn=(column, tables=<-) => tables, as, tables=<-) =>
    tables
        |> fn(column: column)
        |> _as(from: column, to: as)

compute = (column="_value", fn=(column, tables=<-) => tables, as, tables=<-) =>
    tables |> select(column: column, fn: fn, as: as)

selectWindow = (column="_value", fn, as, every, defaultValue, tables=<-) =>
    tables
        |> aggregateWindow(every: every, fn: fn, column: column, createEmpty: true)
        |> fill(column: column, value: defaultValue)
        |> _as(from: column, to: as)

_withTopic = (tables=<-, topic) =>
    if topic == "" then
        tables
    else
        tables
            |> set(key: "_topic", value: topic)
            |> experimental.group(mode: "extend", columns: ["_topic"])

_check = (tables=<-, check, id, details, message, crit, warn, info, ok, topic) =>
    tables
        |> drop(fn: (column) => column =~ /^_(start|stop)/)
        |> map(fn: (r) => ({r with _check_id: check._check_id, _check_name: check._check_name}))
        |> map(fn: (r) => ({r with id: id(r: r)}))
        |> map(fn: (r) => ({r with details: details(r: r)}))
        |> _withTopic(topic: topic)
        |> monitor.check(data: check, messageFn: message, crit: crit, warn: warn, info: info, ok: ok)

alert = (
    check,
    id=(r) => "${r._check_id}",
    details=(r) => "",
    message=(r) => "Threshold Check: ${r._check_name} is: ${r._level}",
    crit=(r) => false,
    warn=(r) => false,
    info=(r) => false,
    ok=(r) => true,
    topic="",
    tables=<-,
) =>
    tables
        |> _check(
            check: check,
            id: id,
            details: details,
            message: message,
            crit: crit,
            warn: warn,
            info: info,
            ok: ok,
            topic: topic,
        )

// How many points each table has; where there is none at all, a row says so for the measurement.
_points = (tables=<-, measurement) => {
    any =
        tables
            |> group()
            |> limit(n: 1)
            |> map(fn: (r) => ({points: 1}))
            |> findRecord(fn: (key) => true, idx: 0)

    return
        if exists any.points then
            tables |> reduce(fn: (r, accumulator) => ({__points: accumulator.__points + 1}), identity: {__points: 0})
        else
            array.from(rows: [{_measurement: measurement, __points: 0}]) |> group(columns: ["_measurement"])
}

deadman = (
    check,
    measurement,
    threshold=0,
    id=(r) => "${r._check_id}",
    message=(r) => "Deadman Check: ${r._check_name} is: " + (if r.dead then "dead" else "alive"),
    topic="",
    tables=<-,
) =>
    tables
        |> _points(measurement: measurement)
        |> map(fn: (r) => ({r with _time: now(), dead: r.__points <= threshold}))
        |> drop(columns: ["__points"])
        |> _check(
            check: check,
            id: id,
            details: (r) => "",
            message: message,
            crit: (r) => r.dead,
            warn: (r) => false,
            info: (r) => false,
            ok: (r) => true,
            topic: topic,
        )
