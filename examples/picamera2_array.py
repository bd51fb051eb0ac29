"""Enhance pictures of a program that has the camera already: arrays of picamera2, or of anything else.

usage: python picamera2_array.py OUT.jpg
"""

import sys

import cv2
from picamera2 import Picamera2

import edge_srcnn

camera = Picamera2(0)
camera.configure(camera.create_video_configuration(main={"size": (640, 480), "format": "RGB888"}))
camera.start()
try:
    bgr = camera.capture_array("main")  # libcamera calls this order of bytes RGB888; it is OpenCV's B, G, R
finally:
    camera.close()
sr = edge_srcnn.DnnSuperResImpl("fast-m-x2-camera", 2)
cv2.imwrite(sys.argv[1], sr.upsample(bgr))
