"""Cameras of Linux: USB cameras and capture cards, by V4L2."""
