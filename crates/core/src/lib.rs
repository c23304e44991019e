//! The vocabulary: metric catalogue, points, line protocol, annotated CSV, durations.
