// The same as the package schema, under its older name, and what InfluxQL calls databases.
package v1

import "influxdata/influxdb/schema"

tagValues = schema.tagValues
tagKeys = schema.tagKeys
measurementTagValues = schema.measurementTagValues
measurementTagKeys = schema.measurementTagKeys
fieldKeys = schema.fieldKeys
measurementFieldKeys = schema.measurementFieldKeys
measurements = schema.measurements
fieldsAsCols = schema.fieldsAsCols

databases = (org="", orgID="", host="", token="") =>
    buckets()
        |> rename(columns: {name: "databaseName", id: "bucketID"})
        |> map(fn: (r) => ({r with retentionPolicy: "autogen", default: true}))
