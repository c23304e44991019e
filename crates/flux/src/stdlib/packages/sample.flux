// Data sets that InfluxData publishes to try things on, read over HTTP.
package sample

import "array"
import "experimental/csv"

_folder = "https://influx-testdata.s3.amazonaws.com/"

_sets = [
    {
        name: "airSensor",
        description: "Temperature, humidity and carbon monoxide of simulated offices",
        url: _folder + "air-sensor-data-annotated.csv",
        size: "~600 KB",
        type: "live",
    },
    {
        name: "birdMigration",
        description: "Positions of birds that cross Africa, 2019",
        url: _folder + "bird-migration.csv",
        size: "~1.2 MB",
        type: "static",
    },
    {
        name: "bitcoin",
        description: "The price of Bitcoin in the last 30 days",
        url: _folder + "bitcoin-historical-annotated.csv",
        size: "~700 KB",
        type: "live",
    },
    {
        name: "machineProduction",
        description: "States and metrics of four grinding stations, 2021-08-01",
        url: _folder + "machine-production.csv",
        size: "~11.9 MB",
        type: "static",
    },
    {
        name: "noaa",
        description: "The latest observations of NOAA's buoys",
        url: _folder + "noaa-ndbc-latest-observations-annotated.csv",
        size: "~1.3 MB",
        type: "live",
    },
    {
        name: "noaaWater",
        description: "Water levels at two stations, 2019-08-17 to 2019-09-17",
        url: _folder + "noaa.csv",
        size: "~10.3 MB",
        type: "static",
    },
    {
        name: "usgs",
        description: "Earthquakes of the last week",
        url: _folder + "usgs-earthquake-all-week-annotated.csv",
        size: "~6 MB",
        type: "live",
    },
]

list = () => array.from(rows: _sets)

data = (set) => {
    found = array.filter(arr: _sets, fn: (x) => x.name == set)

    return
        if length(arr: found) == 1 then
            csv.from(url: found[0].url)
        else
            die(msg: "no sample data set is called ${set}; sample.list() shows those that there are")
}

// The latest row of all becomes now.
alignToNow = (tables=<-) => {
    latest =
        tables
            |> keep(columns: ["_time"])
            |> group()
            |> max(column: "_time")
            |> findRecord(fn: (key) => true, idx: 0)

    return tables |> timeShift(duration: duration(v: int(v: now()) - int(v: latest._time)))
}
