"""DINO training: views, network, loss, schedule, loop, checkpoint, monitor."""
