"""From neighbours to proven pairs and groups: arrays and pictures in, records out."""
