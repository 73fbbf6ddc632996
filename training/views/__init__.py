"""Views of photos: crops, turns, colours, covers and collages, many at a time on one device."""
