"""Upscale a picture by the names of opencv-contrib's dnn_superres.

usage: python opencv_dnn_superres.py photo.jpg large.png
"""

import sys

import cv2

import edge_srcnn

source, target = sys.argv[1:]
sr = edge_srcnn.DnnSuperResImpl_create()  # was: cv2.dnn_superres.DnnSuperResImpl_create()
sr.setModel("espcn", 2)  # no readModel: the networks are in the package
picture = cv2.imread(source)
if picture is None:
    sys.exit(f"{source}: cannot be read")
large = sr.upsample(picture)
cv2.imwrite(target, large)
print(f"{target}: {large.shape[1]}x{large.shape[0]}")
