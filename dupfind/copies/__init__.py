"""From a library's photos to proven copies: what cluster, calibrate, query and evaluate share."""
