// Positions: rows with `lat` and `lon` in degrees, and the cells of S2 (`s2_cell_id`) that they lie in.
package geo

import "experimental"

option units = {distance: "km"}

ST_Contains = (region, geometry, units=units) => stContains(region: region, geometry: geometry, units: units)
ST_Distance = (region, geometry, units=units) => stDistance(region: region, geometry: geometry, units: units)
ST_DWithin = (region, geometry, distance, units=units) =>
    stDistance(region: region, geometry: geometry, units: units) <= distance
ST_Intersects = (region, geometry, units=units) =>
    stDistance(region: region, geometry: geometry, units: units) <= 0.0
ST_Length = (geometry, units=units) => stLength(geometry: geometry, units: units)

ST_LineString = (tables=<-) =>
    tables
        |> reduce(
            fn: (r, accumulator) =>
                ({
                    st_linestring:
                        accumulator.st_linestring + (if accumulator.st_linestring == "" then "" else ", ") + string(
                                v: r.lon,
                            ) + " " + string(v: r.lat),
                }),
            identity: {st_linestring: ""},
        )

toRows = (tables=<-) => tables |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")

shapeData = (latField, lonField, level, tables=<-) =>
    tables
        |> map(
            fn: (r) =>
                ({r with
                    _field: if r._field == latField then "lat" else if r._field == lonField then "lon" else r._field,
                }),
        )
        |> toRows()
        |> map(fn: (r) => ({r with s2_cell_id: s2CellIDToken(point: {lat: r.lat, lon: r.lon}, level: level)}))
        |> experimental.group(columns: ["s2_cell_id"], mode: "extend")

asTracks = (groupBy=["id", "tid"], orderBy=["_time"], tables=<-) =>
    tables
        |> group(columns: groupBy)
        |> sort(columns: orderBy)

groupByArea = (newColumn, level, s2cellIDLevel=-1, tables=<-) =>
    tables
        |> map(
            fn: (r) =>
                ({r with
                    _s2_cell_id_xxx:
                        if level == (if s2cellIDLevel == -1 then getLevel(token: r.s2_cell_id) else s2cellIDLevel) then
                            r.s2_cell_id
                        else
                            s2CellIDToken(point: {lat: r.lat, lon: r.lon}, level: level),
                }),
        )
        |> rename(columns: {_s2_cell_id_xxx: newColumn})
        |> group(columns: [newColumn])

strictFilter = (region, tables=<-) =>
    tables |> filter(fn: (r) => ST_Contains(region: region, geometry: {lat: r.lat, lon: r.lon}))

// Cells narrow a search down where storage is divided by them; here every row is looked at.
filterRows = (region, minSize=24, maxSize=-1, level=-1, s2cellIDLevel=-1, strict=true, tables=<-) => {
    labels =
        tables
            |> columns(column: "_value")
            |> findColumn(fn: (key) => true, column: "_value")
    rows = if contains(value: "lat", set: labels) then tables else tables |> toRows()

    return
        if strict then
            rows |> strictFilter(region: region)
        else
            die(
                msg: "geo.filterRows with strict: false needs the grid of cells, which there is not here; use strict: true",
            )
}

totalDistance = (outputColumn="_value", tables=<-) =>
    tables
        |> reduce(
            fn: (r, accumulator) =>
                ({
                    first: false,
                    lat: r.lat,
                    lon: r.lon,
                    _distance:
                        accumulator._distance + (if accumulator.first then
                            0.0
                        else
                            ST_Distance(
                                region: {lat: accumulator.lat, lon: accumulator.lon},
                                geometry: {lat: r.lat, lon: r.lon},
                            )),
                }),
            identity: {first: true, lat: 0.0, lon: 0.0, _distance: 0.0},
        )
        |> drop(columns: ["first", "lat", "lon"])
        |> rename(columns: {_distance: outputColumn})
